//! `reshard-lab up`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use crate::{AddressBlock, Lab, Options, Programs};
use clap::Args;
use command_line::format::Format;
use command_line::output::{Output, say};
use command_line::spinner::spinner;

use super::error::Result;

/// Start a lab, print where everything is, and stay until ^C or `reshard-lab down`
///
/// Without --directory the lab is gone with all its data when it stops. With it, the data stay, and the next start with
/// the same directory goes on with them.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard-lab up
  reshard-lab up --directory /var/tmp/my-lab")]
pub(super) struct UpArgs {
    #[command(flatten)]
    size: Size,
    /// Keep the lab in this directory
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
    /// Take the addresses 127.77.BLOCK.x [default: the first block that is free]
    #[arg(long)]
    block: Option<u8>,
    /// Run the PostgreSQL in DIR, which has its programs in DIR/bin: versions 10 to 17 [default: Debian's newest]
    #[arg(long, value_name = "DIR", env = "RESHARD_POSTGRESQL", hide_env_values = true)]
    postgres: Option<PathBuf>,
    /// Run the ZooKeeper whose jars are in DIR, with those that it needs [default: Debian's]
    #[arg(long, value_name = "DIR", env = "RESHARD_ZOOKEEPER", hide_env_values = true)]
    zookeeper: Option<PathBuf>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// The size of the lab. What is left out is as in the lab that is in the directory already, or as in
/// [`Options::default`].
#[derive(Args, Debug)]
struct Size {
    /// Shards of the index [default: 2]
    #[arg(long)]
    shards: Option<u32>,
    /// PostgreSQL peers of each shard; 1 is one-node-write mode [default: 3]
    #[arg(long)]
    peers: Option<u32>,
    /// Moray zones of each shard [default: 1]
    #[arg(long)]
    morays: Option<u32>,
    /// electric-moray zones [default: 2]
    #[arg(long)]
    routers: Option<u32>,
    /// electric-moray processes in each of their zones [default: 4]
    #[arg(long)]
    router_instances: Option<u32>,
    /// Compute nodes [default: 3]
    #[arg(long)]
    servers: Option<u32>,
    /// Vnodes of the ring [default: 16384]
    #[arg(long)]
    vnodes: Option<u32>,
    /// Objects that are there from the beginning [default: 20000]
    #[arg(long)]
    objects: Option<u64>,
    /// Seed from which random contents are derived [default: 1]
    #[arg(long)]
    seed: Option<u64>,
    /// Timeout of ZooKeeper sessions in seconds; production has 60 [default: 3]
    #[arg(long, value_name = "SECONDS")]
    session_timeout: Option<u64>,
}

impl Size {
    /// Nothing when nothing was chosen.
    fn options(&self) -> Option<Options> {
        let mut options = Options::default();
        let chosen = [
            choose(&mut options.shards, self.shards),
            choose(&mut options.peers, self.peers),
            choose(&mut options.morays, self.morays),
            choose(&mut options.routers, self.routers),
            choose(&mut options.router_instances, self.router_instances),
            choose(&mut options.servers, self.servers),
            choose(&mut options.vnodes, self.vnodes),
            choose(&mut options.objects, self.objects),
            choose(&mut options.seed, self.seed),
            choose(&mut options.session_timeout, self.session_timeout.map(Duration::from_secs)),
        ];
        chosen.contains(&true).then_some(options)
    }
}

/// Sets an option that was chosen. Whether it was.
fn choose<T>(option: &mut T, chosen: Option<T>) -> bool {
    chosen.map(|chosen| *option = chosen).is_some()
}

impl UpArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        // Commands are run by their names.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let commands = std::env::split_paths(&path).collect();
        let default = Programs::default();
        let jars = self.zookeeper.unwrap_or(default.jars);
        let programs = Programs { commands, postgres: self.postgres, jars, ..default };
        let mut builder = Lab::builder().programs(programs);
        if let Some(options) = self.size.options() {
            builder = builder.options(options);
        }
        let kept = self.directory.clone();
        if let Some(directory) = self.directory {
            builder = builder.directory(directory);
        }
        if let Some(block) = self.block {
            builder = builder.block(AddressBlock::new(block));
        }
        let spinner = spinner();
        let shown = spinner.clone();
        let mut interrupted = Interrupted::new()?;
        let builder = builder.on_progress(move |step| shown.set_message(step.to_owned()));
        let started = builder.start_unless(interrupted.wait()).await;
        spinner.finish_and_clear();
        let Some(lab) = started? else {
            say("The lab was not started: it was stopped before it was ready.");
            return Ok(());
        };
        if self.output == Format::Json {
            out.json(lab.layout())?;
        } else {
            write!(out, "{}", lab.summary())?;
            let block = lab.layout().block.number();
            writeln!(out, "\nexport RESHARD_CONFIG={}", lab.configuration().display())?;
            writeln!(out, "export RESHARD_LAB={block}")?;
        }
        out.flush()?;
        say("The lab runs until ^C or `reshard lab down`.");
        tokio::select! {
            () = lab.stop_asked_for() => {}
            () = interrupted.wait() => {}
        }
        say("Stopping the lab.");
        lab.stop().await;
        match kept {
            None => say("The lab has stopped; nothing of it is left."),
            Some(directory) => say(format_args!(
                "The lab has stopped; `reshard lab up --directory {}` goes on with it.",
                directory.display()
            )),
        }
        Ok(())
    }
}

/// ^C, or the polite signal to end.
pub(super) struct Interrupted {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Interrupted {
    pub(super) fn new() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    pub(super) async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

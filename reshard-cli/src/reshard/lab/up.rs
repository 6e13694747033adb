//! `reshard lab up`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use lab::{AddressBlock, Lab, Options};

use crate::output::{Output, say};
use crate::progress::spinner;
use crate::reshard::error::Result;
use crate::reshard::format::Format;

/// Start a lab, print where everything is, and stay until ^C or `reshard lab down`
///
/// Without --directory the lab is gone with all its data when it stops. With it, the data stay, and the next start with
/// the same directory goes on with them.
#[derive(Args, Debug)]
pub(super) struct UpArgs {
    /// Shards of the index
    #[arg(long, default_value_t = Options::default().shards)]
    shards: u32,
    /// PostgreSQL peers of each shard; 1 is one-node-write mode
    #[arg(long, default_value_t = Options::default().peers)]
    peers: u32,
    /// Moray zones of each shard
    #[arg(long, default_value_t = Options::default().morays)]
    morays: u32,
    /// electric-moray zones
    #[arg(long, default_value_t = Options::default().routers)]
    routers: u32,
    /// electric-moray processes in each of their zones
    #[arg(long, default_value_t = Options::default().router_instances)]
    router_instances: u32,
    /// Compute nodes
    #[arg(long, default_value_t = Options::default().servers)]
    servers: u32,
    /// Vnodes of the ring
    #[arg(long, default_value_t = Options::default().vnodes)]
    vnodes: u32,
    /// Objects that are there from the beginning
    #[arg(long, default_value_t = Options::default().objects)]
    objects: u64,
    /// What random contents are derived from
    #[arg(long, default_value_t = Options::default().seed)]
    seed: u64,
    /// Timeout of ZooKeeper sessions in seconds; production has 60
    #[arg(long, value_name = "SECONDS", default_value_t = Options::default().session_timeout.as_secs())]
    session_timeout: u64,
    /// Keep the lab in this directory
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
    /// Take the addresses 127.77.BLOCK.x [default: the first block that is free]
    #[arg(long)]
    block: Option<u8>,
    /// How to print what was started
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl UpArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let options = Options {
            shards: self.shards,
            peers: self.peers,
            morays: self.morays,
            routers: self.routers,
            router_instances: self.router_instances,
            servers: self.servers,
            vnodes: self.vnodes,
            objects: self.objects,
            seed: self.seed,
            session_timeout: Duration::from_secs(self.session_timeout),
            ..Options::default()
        };
        let mut builder = Lab::builder().options(options);
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
        let Some(lab) = started? else { return Ok(()) };
        if self.output.is_json() {
            out.json(lab.layout())?;
        } else {
            write!(out, "{}", lab.summary())?;
        }
        out.flush()?;
        say("The lab runs until ^C or `reshard lab down`.");
        tokio::select! {
            () = lab.stop_asked_for() => {}
            () = interrupted.wait() => {}
        }
        lab.stop().await;
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

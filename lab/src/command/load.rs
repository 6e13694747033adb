//! `reshard-lab load`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use crate::Role;
use crate::load::{Load, LoadOptions};
use clap::Args;
use command_line::format::Format;
use command_line::output::Output;
use indicatif::ProgressBar;

use super::error::Result;
use super::running::Running;
use super::up::Interrupted;

/// Put, overwrite, read and delete objects through the routers, and log every attempt
///
/// It goes on until ^C or for as long as --seconds says, then prints what it did. `reshard-lab check` proves from the log
/// what became of every write.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard-lab load --log load.log --seconds 60")]
pub(super) struct LoadArgs {
    #[command(flatten)]
    lab: Running,
    /// The log; there must be no such file yet
    #[arg(long, value_name = "FILE")]
    log: PathBuf,
    /// Writes that are due in a second
    #[arg(long, default_value_t = 100.0)]
    writes: f64,
    /// Reads that are due in a second
    #[arg(long, default_value_t = 100.0)]
    reads: f64,
    /// Objects that there can be
    #[arg(long, default_value_t = 10_000)]
    keys: usize,
    /// Directories that they are spread over; each lies on a vnode
    #[arg(long, default_value_t = 500)]
    directories: usize,
    /// Seconds for which it goes on [default: until ^C]
    #[arg(long)]
    seconds: Option<u64>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl LoadArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let control = self.lab.find().await?;
        let zones = control.zones().await?.into_iter();
        let routers = zones
            .filter(|zone| zone.spec.role == Role::ElectricMoray)
            .map(|zone| (zone.spec.address, 2020).into());
        let options = LoadOptions {
            writes_per_second: self.writes,
            reads_per_second: self.reads,
            keys: self.keys,
            directories: self.directories,
            ..LoadOptions::new(routers.collect(), self.log)
        };
        let mut interrupted = Interrupted::new()?;
        let load = Load::start(options)?;
        let spinner = ProgressBar::new_spinner();
        let end =
            tokio::time::sleep(Duration::from_secs(self.seconds.unwrap_or(u64::from(u32::MAX))));
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => break,
                () = interrupted.wait() => break,
                () = tokio::time::sleep(Duration::from_millis(500)) => {
                    let stats = load.stats();
                    let (writes, reads) = (&stats.writes, &stats.reads);
                    spinner.set_message(format!(
                        "{} s: {} writes acknowledged, {} refused, {} unknown; {} reads answered, {} failed, {} wrong",
                        stats.elapsed.as_secs(), writes.acknowledged, writes.refused, writes.unknown,
                        reads.answered, reads.failed, reads.wrong,
                    ));
                }
            }
        }
        spinner.finish_and_clear();
        let summary = load.stop().await?;
        if self.output == Format::Json {
            out.json(&summary)?;
        } else {
            writeln!(out, "{summary}")?;
        }
        Ok(())
    }
}

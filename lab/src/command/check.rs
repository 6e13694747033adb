//! `reshard-lab check`.

use std::io::Write;
use std::path::PathBuf;

use crate::LabDirectory;
use crate::checker::{CheckOptions, Ghosts};
use clap::Args;
use command_line::format::Format;
use command_line::output::Output;

use super::error::Result;
use super::exit;
use super::running::Running;

/// Prove from the logs of loads what became of every write
///
/// Every acknowledged write has to be readable at its owner with its value; nothing may be there that was not written, and
/// no vnode may have taken writes at two shards. It can be run at any moment, also while loads run.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard-lab check load.log --cleaned")]
pub(super) struct CheckArgs {
    #[command(flatten)]
    lab: Running,
    /// Logs of `reshard-lab load`
    #[arg(value_name = "FILE")]
    logs: Vec<PathBuf>,
    /// Ghost rows have been cleaned up: each that is still there is a violation
    ///
    /// Without it, rows at shards that no longer own them, or were copied to a new shard with others, are only counted.
    #[arg(long)]
    cleaned: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl CheckArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<u8> {
        let control = self.lab.find().await?;
        let layout = control.layout().await?;
        let directory = LabDirectory::new(&layout.directory);
        let ghosts = if self.cleaned { Ghosts::Nowhere } else { Ghosts::OfSplits };
        let options = CheckOptions { ghosts, ..CheckOptions::default() };
        let report = crate::prove(&layout, &directory, &self.logs, &options).await?;
        if self.output == Format::Json {
            out.json(&report)?;
        } else {
            writeln!(out, "{report}")?;
        }
        Ok(if report.is_green() { exit::SUCCESS } else { exit::DAMAGED })
    }
}

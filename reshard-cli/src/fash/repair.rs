use std::io::Write;
use std::path::PathBuf;

use fash::RepairMode;

use super::error::Result;
use crate::output::{Output, say};
use crate::progress::while_working;

/// Rebuild what a damaged LevelDB ring lacks from the rest, in one step
///
/// The owner of each vnode is what counts; lists follow from it. Prints a line for each thing that is done. If parts are
/// lost for good, such as the owner of a vnode, nothing is done. A ring that is whole is not changed.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  fash repair -l ring --dry-run
  fash copy ring backup && fash repair -l ring && fash audit -l ring")]
pub(crate) struct RepairArgs {
    /// The ring's LevelDB directory
    #[arg(short, long, value_name = "DIR")]
    location: PathBuf,

    /// Only print what would be done
    #[arg(long)]
    dry_run: bool,

    /// Print a JSON object with what was found and what is done
    #[arg(long)]
    json: bool,
}

impl RepairArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        let mode = if self.dry_run { RepairMode::DryRun } else { RepairMode::Apply };
        let what = format!("repairing {}", self.location.display());
        let repair = while_working(what, || fash::repair_ring(&self.location, mode))?;
        if self.json {
            return Ok(out.json(&repair)?);
        }
        for action in &repair.actions {
            writeln!(out, "{action}")?;
        }
        out.flush()?;
        let count = repair.actions.len();
        say(match (count, mode) {
            (0, _) => "fash: there is nothing to repair".to_owned(),
            (_, RepairMode::DryRun) => format!("fash: repairs to make: {count}"),
            (_, RepairMode::Apply) => format!("fash: repairs made: {count}"),
        });
        Ok(())
    }
}

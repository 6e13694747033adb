use super::error::Result;
use crate::output::Output;
use crate::progress::while_working;
use std::path::PathBuf;

/// Rebuild a damaged LevelDB ring's lists from its records of each vnode
///
/// What is lost for good, such as the pnode of a vnode, is reported and nothing is changed.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:
  fash copy ring backup && fash repair -l ring && fash audit -l ring")]
pub(crate) struct RepairArgs {
    /// The ring's LevelDB directory
    #[arg(short, long, value_name = "DIR")]
    location: PathBuf,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

impl RepairArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        let what = format!("repairing {}", self.location.display());
        let repair = while_working(what, || fash::repair_ring(&self.location))?;
        Ok(out.json(&repair)?)
    }
}

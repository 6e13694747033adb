use std::path::PathBuf;

use super::error::Result;
use crate::progress::while_working;

/// Copy a LevelDB ring, also one that a process such as electric-moray holds
///
/// The copy is a consistent snapshot, and the original does not change by a byte.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:
  fash copy /electric-moray/chash/leveldb-2020 ring")]
pub(crate) struct CopyArgs {
    /// The ring's LevelDB directory
    from: PathBuf,

    /// The LevelDB directory to create; it must not exist, or be empty
    to: PathBuf,
}

impl CopyArgs {
    pub(crate) fn run(self) -> Result<()> {
        let what = format!("copying {}", self.from.display());
        Ok(while_working(what, || fash::copy_ring(&self.from, &self.to))?)
    }
}

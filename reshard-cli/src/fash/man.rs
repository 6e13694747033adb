use std::path::PathBuf;

use clap::CommandFactory;

use super::Cli;
use super::error::{Error, Result};
use crate::manual;

/// Write the man pages, one for fash and one for each of its commands
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:
  fash man ~/.local/share/man/man1 && man fash-split")]
pub(crate) struct ManArgs {
    /// The directory to write them to; it is created if need be
    dir: PathBuf,
}

impl ManArgs {
    pub(crate) fn run(self) -> Result<()> {
        manual::write_pages(Cli::command(), &self.dir)
            .map_err(|source| Error::Man { dir: self.dir.display().to_string(), source })
    }
}

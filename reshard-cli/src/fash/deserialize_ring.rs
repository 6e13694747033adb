use std::path::PathBuf;

use super::edit::warn_if_node_fash_cannot_read;
use super::error::Result;
use super::source;
use crate::progress::with_bar;

/// Load topology JSON into a new LevelDB ring
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  fash deserialize-ring -l ring -f ring.json
  fash print-hash -b leveldb -l old | fash deserialize-ring -l new")]
pub(crate) struct DeserializeRingArgs {
    /// The LevelDB directory to create; it must not exist, or be empty
    #[arg(short, long, value_name = "DIR", allow_hyphen_values = true)]
    location: PathBuf,

    /// The file with the topology JSON [default: standard input]
    #[arg(short, long, value_name = "FILE", allow_hyphen_values = true)]
    file: Option<PathBuf>,
}

impl DeserializeRingArgs {
    pub(crate) fn run(self) -> Result<()> {
        // Not canonical(): like node-fash, a ring's own interval is kept, since keys have been placed with it.
        let ring = source::read_topology(self.file.as_deref())?;
        let what = format!("writing {} vnodes to {}", ring.vnode_count(), self.location.display());
        with_bar(what, |progress| {
            fash::create_ring_with_progress(&self.location, &ring, progress)
        })?;
        warn_if_node_fash_cannot_read(ring.algorithm());
        Ok(())
    }
}

use fash::Pnode;

use super::edit::numbers;
use super::error::Result;
use super::source::RingArgs;
use crate::inspect;
use crate::output::Output;

/// List the vnodes of a pnode
///
/// Ascending with the memory backend, in stored order with leveldb. All of them: unlike node-fash on Node 6 and later,
/// the list is not cut after 100.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  fash get-vnodes -b leveldb -l ring tcp://1.moray.example.com:2020
  fash get-vnodes -b leveldb -l /electric-moray/chash/leveldb-2020 --live --json tcp://1.moray.example.com:2020")]
pub(crate) struct GetVnodesArgs {
    #[command(flatten)]
    ring: RingArgs,

    /// Print a JSON array
    #[arg(long)]
    json: bool,

    /// The pnode
    pnode: Pnode,
}

impl GetVnodesArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        let vnodes = self.ring.open()?.vnodes_of(&self.pnode)?;
        Ok(inspect::print(&numbers(&vnodes), self.json, out)?)
    }
}

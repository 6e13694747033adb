use fash::Pnode;

use super::error::Result;
use super::ignored::IgnoredArgs;
use super::source::RingArgs;
use crate::inspect;
use crate::output::Output;

/// List the pnodes of a ring
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:
  fash get-pnodes -b leveldb -l ring")]
pub(crate) struct GetPnodesArgs {
    #[command(flatten)]
    ring: RingArgs,

    /// Print a JSON array
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    ignored: IgnoredArgs,
}

impl GetPnodesArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        self.ignored.say();
        let pnodes = self.ring.open()?.pnodes()?;
        Ok(inspect::print(&pnodes.iter().map(Pnode::as_str).collect(), self.json, out)?)
    }
}

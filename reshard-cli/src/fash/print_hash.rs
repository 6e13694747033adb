use super::edit::print_ring;
use super::error::Result;
use super::ignored::IgnoredArgs;
use super::source::RingArgs;
use crate::output::Output;

/// Print a ring as topology JSON; holds the whole ring in memory
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:
  fash print-hash -b leveldb -l ring > ring.json")]
pub(crate) struct PrintHashArgs {
    #[command(flatten)]
    ring: RingArgs,

    /// Accepted for symmetry: the output is JSON in any case
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    ignored: IgnoredArgs,
}

impl PrintHashArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        self.ignored.say();
        print_ring(&self.ring.open()?.load()?, out)
    }
}

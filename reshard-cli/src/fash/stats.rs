use super::error::Result;
use super::source::RingArgs;
use crate::output::Output;

/// Show how evenly a ring is spread over its pnodes
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:
  fash stats -b leveldb -l ring")]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    ring: RingArgs,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

impl StatsArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        let statistics = self.ring.open()?.load()?.statistics();
        Ok(out.json(&statistics)?)
    }
}

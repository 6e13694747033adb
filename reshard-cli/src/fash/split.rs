use super::error::Result;
use super::source::RingArgs;
use crate::output::Output;

/// Choose
#[derive(clap::Args, Debug)]
pub(crate) struct SplitArgs {
    #[command(flatten)]
    ring: RingArgs,
}

impl SplitArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        Ok(())
    }
}

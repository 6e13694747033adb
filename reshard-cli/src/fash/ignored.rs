//! Arguments that a command has no use for.

use super::notice::notice;

/// Some of node-fash's commands take any number of arguments and do not look at them; scripts may rely on it.
#[derive(clap::Args, Debug)]
pub(crate) struct IgnoredArgs {
    #[arg(hide = true)]
    ignored: Vec<String>,
}

impl IgnoredArgs {
    /// Says that they were ignored.
    pub(crate) fn say(&self) {
        for argument in &self.ignored {
            notice(format_args!("the argument {argument:?} is ignored"));
        }
    }
}

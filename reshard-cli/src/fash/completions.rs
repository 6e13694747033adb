use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use super::error::Result;
use crate::manual;
use crate::output::Output;

/// Print a script that completes fash's commands and options in a shell
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:
  fash completions bash > ~/.local/share/bash-completion/completions/fash")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

impl CompletionsArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        Ok(manual::completions(self.shell, Cli::command(), out)?)
    }
}

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use super::error::Result;
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
        // In memory first: the generator would panic on a closed pipe.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "fash", &mut script);
        Ok(out.write_all(&script)?)
    }
}

use std::io::Write;

use clap::CommandFactory;

use super::Cli;
use super::error::{Error, Result};
use crate::output::Output;

/// Show the help of fash, or of one of its commands
#[derive(clap::Args, Debug)]
pub(crate) struct HelpArgs {
    /// The command
    command: Option<String>,
}

impl HelpArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        let mut fash = Cli::command();
        // Fills in what the commands take over from fash, such as its name in their usage lines.
        fash.build();
        let help = match &self.command {
            None => fash.render_long_help(),
            Some(name) => match fash.find_subcommand_mut(name) {
                Some(command) => command.render_long_help(),
                None => return Err(Error::Usage(format!("unknown command: {name:?}"))),
            },
        };
        Ok(writeln!(out, "{}", help.to_string().trim_end())?)
    }
}

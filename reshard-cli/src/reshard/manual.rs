//! `reshard completions`, `reshard man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use super::complete::COMPLETION;
use super::error::{Error, Result};
use super::pages;
use crate::manual;
use crate::output::Output;

/// Print a script that completes what is typed of reshard in a shell
///
/// Commands and options, and the names of shards, phases, settings and plan files. For shards the region is asked
/// that --config or the environment names; if it does not answer within 1.5 s, none are offered.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard completions bash > ~/.local/share/bash-completion/completions/reshard")]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

impl CompletionsArgs {
    pub(super) fn run(self, out: &mut Output) -> Result<()> {
        Ok(COMPLETION.script(self.shell, out)?)
    }
}

/// Print the man page of a command, or write all man pages
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard man ring audit | man -l -
  reshard man --directory ~/.local/share/man/man1 && man reshard-plan-new")]
pub(super) struct ManArgs {
    /// The command, such as: plan new [default: reshard itself]
    #[arg(conflicts_with = "directory")]
    command: Vec<String>,
    /// Write the pages of all commands to this directory; it is created if need be
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl ManArgs {
    pub(super) fn run(self, out: &mut Output) -> Result<()> {
        if let Some(directory) = self.directory {
            let written = manual::write_pages(pages::command(), &directory);
            return written.map_err(|source| Error::Man { directory, source });
        }
        match manual::page(pages::command(), &self.command, out)? {
            None => Ok(()),
            Some(name) => Err(Error::NoCommand { name }),
        }
    }
}

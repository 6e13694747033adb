//! `reshard plan`: deciding what is going to be done.

mod diff;
mod new;
mod rest;
mod show;

use clap::{Args, Subcommand};

pub(super) use self::rest::Rest;
pub(super) use self::show::{head, summary};
use super::error::Result;
use crate::exit;
use crate::output::Output;

/// Make a plan, look at it, or compare two
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard plan new 2.moray.coal.joyent.us split.plan
  reshard plan show split.plan")]
pub(super) struct PlanArgs {
    #[command(subcommand)]
    command: PlanCommand,
}

#[derive(Subcommand, Debug)]
enum PlanCommand {
    New(Box<new::NewArgs>),
    Show(show::ShowArgs),
    Diff(diff::DiffArgs),
}

impl PlanArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<u8> {
        match self.command {
            PlanCommand::New(args) => args.run(out).await?,
            PlanCommand::Show(args) => args.run(out).await?,
            PlanCommand::Diff(args) => return args.run(out).await,
        }
        Ok(exit::SUCCESS)
    }
}

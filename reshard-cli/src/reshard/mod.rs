//! The `reshard` command.

mod by_hand;
mod complete;
mod confirm;
mod control;
mod cutover;
mod doctor;
mod dumps;
mod entry;
mod error;
mod execute;
mod guard;
mod in_words;
mod init;
mod lab;
mod log;
mod manual;
mod measure;
mod mode;
mod pages;
mod peers;
mod permission;
mod phase_list;
mod place;
mod plan;
mod plans;
mod remedy;
mod report;
mod ring;
mod rows;
mod run;
mod runnable;
mod shard;
mod shard_arg;
mod shards;
mod signal;
mod signals;
mod status;
mod tune;
mod watch;
mod watchdog;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};
use command_line::format;
use command_line::run::run;

use self::error::{CommandFailure, Result};
use self::place::PLAN_ARGUMENT;
use self::runnable::Runnable;
use crate::exit;
use crate::output::Output;

/// Move vnodes of Manta's metadata tier from one shard to another
///
/// Standard output is data only; notices, progress and errors go to standard error.
#[derive(Parser, Debug)]
#[command(name = "reshard", version, color = ColorChoice::Never, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Example, from the first look to the last:
  reshard doctor 2.moray.coal.joyent.us
  reshard plan new 2.moray.coal.joyent.us split.plan
  reshard run split.plan
  reshard report split.plan

Exit status:
  0  done
  1  failed or called wrongly
  2  `doctor`, `ring audit` or `rows verify` found something wrong
  3  the plan needs the operator
  4  the plan was paused
  5  the plan was rolled back on request
  129, 130, 143  left at once, on a second SIGHUP, SIGINT, SIGTERM
  `lab` ends with the status of reshard-lab")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Init(init::InitArgs),
    Doctor(doctor::DoctorArgs),
    Measure(measure::MeasureArgs),
    Plan(plan::PlanArgs),
    Plans(plans::PlansArgs),
    #[command(after_help = pages::RUN)]
    Run(run::RunArgs),
    /// Go on with a plan that was paused, held or interrupted
    ///
    /// It goes on where the plan was, after it has looked at what is there. `--dry-run` shows what is left to do.
    #[command(after_help = pages::RESUME)]
    Resume(run::RunArgs),
    Status(status::StatusArgs),
    Pause(control::PauseArgs),
    Approve(permission::ApproveArgs),
    Cutover(cutover::CutoverArgs),
    #[command(visible_alias = "rollback")]
    Abort(run::AbortArgs),
    Tune(tune::TuneArgs),
    Log(log::LogArgs),
    Report(report::ReportArgs),
    Phases(phase_list::PhasesArgs),
    /// By hand: objects whose way through the move can be followed
    #[command(subcommand)]
    Canary(by_hand::CanaryVerb),
    /// By hand: the new shards' zones
    #[command(subcommand)]
    Peers(peers::PeersCommand),
    /// By hand: the shards
    #[command(subcommand)]
    Shard(shard::ShardCommand),
    /// By hand: the lock that keeps dumps from starting
    #[command(subcommand)]
    DumpLock(dumps::DumpLockCommand),
    Dumps(dumps::DumpsArgs),
    Shards(shards::ShardsArgs),
    /// By hand: the ring
    #[command(subcommand)]
    Ring(ring::RingCommand),
    /// By hand: the rows
    #[command(subcommand)]
    Rows(rows::RowsCommand),
    /// By hand: what has to be right before a plan is carried out
    #[command(subcommand)]
    Check(by_hand::CheckVerb),
    Lab(lab::LabArgs),
    #[command(hide = true)]
    Watchdog(watchdog::WatchdogArgs),
    Completions(manual::CompletionsArgs),
    Man(manual::ManArgs),
}

/// Runs `reshard` with these arguments, the first being the command's name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some(code) = complete::COMPLETION.answer(Cli::command, &args) {
        return code;
    }
    run(pages::command(), &args, |typed: Typed, out| {
        let done = typed.cli.command.run(out);
        done.map_err(|error| CommandFailure::new(error, typed.file))
    })
}

/// A command line, and the file of the plan in it, as it is typed.
struct Typed {
    cli: Cli,
    file: Option<String>,
}

impl FromArgMatches for Typed {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let mut of = matches;
        while let Some((_, below)) = of.subcommand() {
            of = below;
        }
        // What other commands call a plan is no file.
        let file = of.try_get_one::<PathBuf>(PLAN_ARGUMENT).ok().flatten();
        let file = file.map(|file| Runnable::new(file, None).file().to_owned());
        Ok(Self { cli: Cli::from_arg_matches(matches)?, file })
    }

    fn update_from_arg_matches(
        &mut self,
        matches: &ArgMatches,
    ) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Command {
    fn run(self, out: &mut Output) -> Result<u8> {
        tokio::runtime::Runtime::new()?.block_on(async {
            let done = match self {
                Self::Plan(args) => return args.run(out).await,
                Self::Run(args) | Self::Resume(args) => return args.run(out).await,
                Self::Abort(args) => return args.run(out).await,
                Self::Cutover(args) => return args.run(out).await,
                Self::Canary(verb) => return by_hand::run(verb, out).await,
                Self::Peers(command) => return command.run(out).await,
                Self::Shard(command) => return command.run(out).await,
                Self::DumpLock(command) => return command.run(out).await,
                Self::Ring(command) => return command.run(out).await,
                Self::Rows(command) => return command.run(out).await,
                Self::Check(verb) => return by_hand::run(verb, out).await,
                Self::Lab(args) => return args.run(),
                Self::Doctor(args) => return args.run(out).await,
                Self::Init(args) => args.run(out).await,
                Self::Plans(args) => args.run(out).await,
                Self::Measure(args) => args.run(out).await,
                Self::Dumps(args) => args.run(out).await,
                Self::Shards(args) => args.run(out).await,
                Self::Watchdog(args) => args.run(out).await,
                Self::Completions(args) => args.run(out),
                Self::Man(args) => args.run(out),
                Self::Status(args) => args.run(out).await,
                Self::Pause(args) => args.run().await,
                Self::Approve(args) => args.run().await,
                Self::Tune(args) => args.run(out).await,
                Self::Log(args) => args.run(out).await,
                Self::Report(args) => args.run(out).await,
                Self::Phases(args) => args.run(out),
            };
            done.map(|()| exit::SUCCESS)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_about_a_plan_knows_its_file() {
        let file = |line: &str| {
            let matches = pages::command().try_get_matches_from(line.split(' ')).unwrap();
            Typed::from_arg_matches(&matches).unwrap().file
        };
        for command in [
            "run",
            "resume",
            "abort",
            "pause",
            "approve",
            "cutover",
            "status",
            "tune",
            "log",
            "report",
            "plan show",
            "rows verify",
            "canary plant",
            "doctor --plan",
        ] {
            assert_eq!(
                file(&format!("reshard {command} a.plan")).as_deref(),
                Some("a.plan"),
                "{command}"
            );
        }
        let uuid = "3d0e5c1a-7b1f-4b6e-9a41-6f3d7f0e2b55";
        for command in [format!("plans release {uuid}"), "doctor 2".to_owned(), "plans".to_owned()]
        {
            assert_eq!(file(&format!("reshard {command}")), None, "{command}");
        }
    }
}

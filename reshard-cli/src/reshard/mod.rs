//! The `reshard` command.

mod confirm;
mod control;
mod error;
mod format;
mod lab;
mod place;
mod plan;
mod run;
mod status;
mod watch;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{ColorChoice, Parser, Subcommand};

use self::error::Result;
use crate::chain::Chain;
use crate::exit;
use crate::output::{Output, say};

/// Move vnodes of Manta's metadata tier from one shard to another
///
/// Standard output is data only; notices, progress and errors go to standard error.
#[derive(Parser, Debug)]
#[command(name = "reshard", version, color = ColorChoice::Never, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Exit status:
  0  done
  1  failed or called wrongly
  2  `reshard lab check` or `reshard doctor` found something wrong
  3  the plan needs the operator
  4  the plan was paused
  5  the plan was taken back on request")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Plan(plan::PlanArgs),
    Run(run::RunArgs),
    /// Go on with a plan that was paused, held or interrupted
    Resume(run::RunArgs),
    Status(status::StatusArgs),
    Pause(control::PauseArgs),
    Abort(run::AbortArgs),
    Tune(control::TuneArgs),
    Log(control::LogArgs),
    Report(status::ReportArgs),
    Phases(control::PhasesArgs),
    Lab(lab::LabArgs),
}

/// Runs `reshard` with these arguments, the first being the command's name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    // In a lab's zones this program is also what stands for node-fash.
    if args.first().and_then(|name| Path::new(name).file_name()).is_some_and(|name| name == "fash")
    {
        return crate::fash::main(args);
    }
    // A lab's services are this program too.
    if ::lab::service::is_meant(&args) {
        return ::lab::service::main(args);
    }
    let mut out = Output::new();
    let status = match Cli::try_parse_from(args) {
        Ok(cli) => cli.command.run(&mut out),
        Err(error) => {
            let shown = error.print();
            let code = if error.use_stderr() { exit::FAILURE } else { exit::SUCCESS };
            shown.map(|()| code).map_err(error::Error::from)
        }
    };
    // What was printed before a failure is printed all the same.
    let flushed = out.finish().map_err(error::Error::from);
    let status = status.and_then(|status| flushed.map(|()| status));
    ExitCode::from(status.unwrap_or_else(|error| {
        say(format_args!("reshard: {}", Chain(&error)));
        exit::FAILURE
    }))
}

impl Command {
    fn run(self, out: &mut Output) -> Result<u8> {
        tokio::runtime::Runtime::new()?.block_on(async {
            let done = match self {
                Self::Plan(args) => return args.run(out).await,
                Self::Run(args) | Self::Resume(args) => return args.run(out).await,
                Self::Abort(args) => return args.run().await,
                Self::Lab(args) => return args.run(out).await,
                Self::Status(args) => args.run(out).await,
                Self::Pause(args) => args.run(),
                Self::Tune(args) => args.run(out),
                Self::Log(args) => args.run(out),
                Self::Report(args) => args.run(out),
                Self::Phases(args) => args.run(out),
            };
            done.map(|()| exit::SUCCESS)
        })
    }
}

//! A command, from its command line to its exit status. What failed is told in words on standard error, and with `-o json` as a
//! document on standard output too.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{ArgMatches, Command, FromArgMatches};
use serde::Serialize;

use crate::format::Format;
use crate::output::{Output, say, say_in};
use crate::screen::Mood;

/// The exit status of a command that did what it was asked to do, and of help.
const SUCCESS: u8 = 0;
/// The exit status of a command that failed, or was called wrongly.
const FAILURE: u8 = 1;

/// An error of a command.
pub trait CommandError: Error + From<io::Error> {
    /// True if whoever reads our output has read enough.
    fn is_closed_pipe(&self) -> bool;

    /// The error and its causes in one line, which a terminal does not obey.
    fn line(&self) -> String;

    /// Advice that belongs to the message, and is said in its line.
    fn advice(&self) -> Option<String> {
        None
    }

    /// Advice that may help, if the message does not say it.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// Runs a command with these arguments, the first being its name: parses them, and does the `work`, which returns an exit status.
pub fn run<C: FromArgMatches, E: CommandError>(
    command: Command,
    args: &[OsString],
    work: impl FnOnce(C, &mut Output) -> Result<u8, E>,
) -> ExitCode {
    let name = command.get_name().to_owned();
    let mut out = Output::stdout();
    let parsed = command.try_get_matches_from(args).and_then(|matches| {
        let as_json = wants_json(&matches);
        C::from_arg_matches(&matches).map(|parsed| (parsed, as_json))
    });
    let (status, as_json) = match parsed {
        Ok((parsed, as_json)) => (work(parsed, &mut out), as_json),
        Err(error) => {
            let shown = error.print();
            let code = if error.use_stderr() {
                tell_usage(&error, seems_to_want_json(args), &mut out);
                FAILURE
            } else {
                SUCCESS
            };
            (shown.map(|()| code).map_err(E::from), false)
        }
    };
    // What was printed before a failure is printed all the same.
    let flushed = out.flush().map_err(E::from);
    let status = status.and_then(|status| flushed.map(|()| status));
    ExitCode::from(status.unwrap_or_else(|error| {
        // As `head` does.
        if error.is_closed_pipe() {
            return SUCCESS;
        }
        tell(&name, &error, as_json, &mut out);
        out.flush().ok();
        FAILURE
    }))
}

/// The document: programs read one in any case.
#[derive(Serialize)]
struct Failure {
    /// The failure.
    error: String,
    /// Its causes, the nearest first.
    causes: Vec<String>,
    /// Advice that may help.
    hint: Option<String>,
}

/// Tells of a command that failed.
fn tell(name: &str, error: &impl CommandError, as_json: bool, out: &mut Output) {
    let advice = error.advice();
    match &advice {
        Some(advice) => say_in(Mood::Bad, format_args!("{name}: {}; {advice}", error.line())),
        None => say_in(Mood::Bad, format_args!("{name}: {}", error.line())),
    }
    let hint = error.hint();
    if let Some(hint) = &hint {
        say(format_args!("hint: {hint}"));
    }
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let causes = causes.map(ToString::to_string).collect();
    let hint = hint.or(advice);
    print(&Failure { error: error.to_string(), causes, hint }, as_json, out);
}

/// Tells of a command line that is wrong.
fn tell_usage(error: &clap::Error, as_json: bool, out: &mut Output) {
    let text = error.render().to_string();
    let mut parts = text.trim().splitn(2, "\n\n");
    let first = parts.next().unwrap_or_default();
    let failure = Failure {
        error: first.strip_prefix("error: ").unwrap_or(first).to_owned(),
        causes: Vec::new(),
        hint: parts.next().map(str::to_owned),
    };
    print(&failure, as_json, out);
}

/// If nobody can read it, there is nobody to tell.
fn print(failure: &Failure, as_json: bool, out: &mut Output) {
    if as_json {
        out.json(failure).ok();
    }
}

/// Tells whether the command that was called prints JSON.
fn wants_json(matches: &ArgMatches) -> bool {
    let mut of = matches;
    while let Some((_, below)) = of.subcommand() {
        of = below;
    }
    matches!(of.try_get_one::<Format>("output"), Ok(Some(Format::Json)))
}

/// Tells whether a command line that cannot be read asks for JSON.
fn seems_to_want_json(args: &[OsString]) -> bool {
    let words: Vec<_> = args.iter().map(|word| word.to_string_lossy()).collect();
    let apart = words.windows(2).any(|pair| {
        matches!(pair, [option, value] if (option == "-o" || option == "--output") && value == "json")
    });
    apart || words.iter().any(|word| matches!(&**word, "-ojson" | "-o=json" | "--output=json"))
}

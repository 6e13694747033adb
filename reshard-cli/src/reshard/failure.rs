//! The message of a command that failed: in words on standard error, and with `-o json` as a document on standard output too.

use std::ffi::OsString;

use clap::ArgMatches;
use serde::Serialize;

use super::error::Error;
use super::format::Format;
use super::remedy::{advised, worded};
use crate::chain::Chain;
use crate::output::{Output, say_in};
use crate::screen::Mood;

/// The document: programs read one in any case.
#[derive(Serialize)]
struct Failure<'a> {
    /// The failure.
    error: String,
    /// Its causes, the nearest first.
    causes: Vec<String>,
    /// Advice that may help.
    hint: Option<&'a str>,
}

/// Tells of a command that failed.
pub(super) fn tell(error: &Error, as_json: bool, out: &mut Output) {
    let advice = error.advice();
    say_in(Mood::Bad, format_args!("reshard: {}", advised(Chain(error), advice.as_ref())));
    let hint = error.hint();
    if let Some(hint) = hint {
        say_in(Mood::Plain, format_args!("hint: {hint}"));
    }
    let advice = advice.map(|advice| worded(&advice, None));
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let causes = causes.map(ToString::to_string).collect();
    let hint = hint.or(advice.as_deref());
    print(&Failure { error: error.to_string(), causes, hint }, as_json, out);
}

/// Tells of a command line that is wrong.
pub(super) fn tell_usage(error: &clap::Error, as_json: bool, out: &mut Output) {
    let text = error.render().to_string();
    let mut parts = text.trim().splitn(2, "\n\n");
    let first = parts.next().unwrap_or_default();
    let failure = Failure {
        error: first.strip_prefix("error: ").unwrap_or(first).to_owned(),
        causes: Vec::new(),
        hint: parts.next(),
    };
    print(&failure, as_json, out);
}

/// If nobody can read it, there is nobody to tell.
fn print(failure: &Failure<'_>, as_json: bool, out: &mut Output) {
    if as_json {
        out.json(failure).ok();
    }
}

/// Tells whether the command that was called prints JSON.
pub(super) fn wants_json(matches: &ArgMatches) -> bool {
    let mut of = matches;
    while let Some((_, below)) = of.subcommand() {
        of = below;
    }
    matches!(of.try_get_one::<Format>("output"), Ok(Some(Format::Json)))
}

/// Tells whether a command line that cannot be read asks for JSON.
pub(super) fn seems_to_want_json(args: &[OsString]) -> bool {
    let words: Vec<_> = args.iter().map(|word| word.to_string_lossy()).collect();
    let apart = words.windows(2).any(|pair| {
        matches!(pair, [option, value] if (option == "-o" || option == "--output") && value == "json")
    });
    apart || words.iter().any(|word| matches!(&**word, "-ojson" | "-o=json" | "--output=json"))
}

//! Helpers that the examples share.

use std::error::Error;
use std::process::ExitCode;

/// The arguments of the command line, if there are that many.
pub(crate) fn arguments<const N: usize>(usage: &str) -> Result<[String; N], Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    arguments.try_into().map_err(|_| format!("usage: {usage}").into())
}

/// Tells an error with all its causes.
#[expect(clippy::print_stderr, reason = "examples tell what went wrong")]
pub(crate) fn finish(result: Result<(), Box<dyn Error>>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprint!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprint!(": {error}");
        cause = error.source();
    }
    eprintln!();
    ExitCode::FAILURE
}

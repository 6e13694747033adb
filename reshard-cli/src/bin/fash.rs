//! The `fash` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    reshard_cli::fash::main(std::env::args_os())
}

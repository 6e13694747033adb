//! The `reshard` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    reshard_cli::reshard::main(std::env::args_os())
}

//! The `reshard-lab` command, which is also every process of the labs that it starts.

use std::process::ExitCode;

fn main() -> ExitCode {
    lab::command::main(std::env::args_os())
}

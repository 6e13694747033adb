//! The processes of a lab: sitters, routers, the tools in zones. A program that starts a lab can be its own such
//! program, by [`lab::service::main`].

use std::process::ExitCode;

fn main() -> ExitCode {
    lab::service::main(std::env::args_os().collect())
}

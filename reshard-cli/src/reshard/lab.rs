//! `reshard lab`: hands over to `reshard-lab`, which is a program of its own.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use clap::Args;

use super::error::{Error, Result};

/// The program.
const PROGRAM: &str = "reshard-lab";

/// Run reshard-lab: a whole region on loopback to rehearse in
///
/// It is a program of its own, with real PostgreSQL and ZooKeeper and emulated Triton services, for Linux only. It is looked for
/// beside reshard first, then on the PATH; `cargo build --release --package lab` makes it. `reshard-lab --help` lists its
/// commands, and `reshard-lab completions` prints what makes a shell complete them.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard lab up
  reshard lab up --help
  reshard lab status")]
pub(super) struct LabArgs {
    /// A command of reshard-lab and its arguments
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl LabArgs {
    /// Becomes `reshard-lab`. It returns only when it cannot.
    pub(super) fn run(self) -> Result<u8> {
        let beside = std::env::current_exe().map(|program| program.with_file_name(PROGRAM));
        let beside = beside.ok().filter(|program| program.is_file());
        let program = beside.as_deref().unwrap_or(Path::new(PROGRAM));
        let error = Command::new(program).args(self.arguments).exec();
        if error.kind() == io::ErrorKind::NotFound {
            return Err(Error::LabNotInstalled);
        }
        Err(Error::LabNotRun { program: program.to_owned(), source: error })
    }
}

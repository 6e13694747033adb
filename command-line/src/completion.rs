//! Completion in shells.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Command;
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};

/// Completion of what is typed of a program, by a script that makes the shell run the program again.
#[derive(Clone, Copy, Debug)]
pub struct Completion {
    /// The program's name.
    pub program: &'static str,
    /// The environment variable by which the shell asks, and that holds the shell's name.
    pub variable: &'static str,
}

impl Completion {
    /// Answers a shell that asks what can be typed next; nothing if none asks.
    pub fn answer(self, command: impl Fn() -> Command, args: &[OsString]) -> Option<ExitCode> {
        env::var_os(self.variable)?;
        let here = env::current_dir().ok();
        let asked = CompleteEnv::with_factory(command).var(self.variable);
        match asked.try_complete(args.iter().cloned(), here.as_deref()) {
            Ok(true) => Some(ExitCode::SUCCESS),
            Ok(false) => None,
            // The shell would show it in the middle of the line that is being typed.
            Err(_) => Some(ExitCode::FAILURE),
        }
    }

    /// Prints the script that makes a shell ask.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn script(self, shell: Shell, out: &mut impl Write) -> io::Result<()> {
        let shells = Shells::builtins();
        let shell = shells.completer(&shell.to_string());
        let shell = shell.ok_or_else(|| io::Error::other("no such shell"))?;
        shell.write_registration(self.variable, self.program, self.program, self.program, out)
    }
}

//! The commands of zones, run as processes.

mod clusters;
mod servers;
mod zones;

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// A tool with this environment and nothing of the test's.
fn tool(name: &str, variables: &[(&str, String)], args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reshard-lab"));
    command.args(["lab-service", "tool", name]).args(args).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(variables.iter().map(|(name, value)| (*name, value.as_str())));
    command
}

fn output(mut command: Command, stdin: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A tool that reads nothing closes it first.
    if let Err(error) = child.stdin.take().unwrap().write_all(stdin.as_bytes()) {
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }
    child.wait_with_output().unwrap()
}

/// Exit code, stdout, stderr.
fn run(command: Command, stdin: &str) -> (i32, String, String) {
    let output = output(command, stdin);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

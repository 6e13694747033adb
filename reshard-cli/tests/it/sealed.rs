//! `fash` in a world of its own: an empty directory, no environment but what a test gives.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A directory that tests run `fash` in; it goes away with the value.
pub(crate) struct Sealed(TempDir);

/// The outcome of a run of `fash`.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sealed {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A command that is sealed: `fash` is the only thing on its `PATH`, after the system's own directories.
    pub(crate) fn command(&self, program: &str) -> Command {
        let fash = Path::new(env!("CARGO_BIN_EXE_fash")).parent().unwrap();
        let mut command = Command::new(program);
        command.env_clear().env("PATH", format!("{}:/usr/bin:/bin", fash.display()));
        command.env("HOME", self.path()).env("LC_ALL", "C.UTF-8").current_dir(self.path());
        command
    }

    /// Runs `fash` with the words of `line`, without standard input.
    pub(crate) fn fash(&self, line: &str) -> Run {
        self.fash_with("", line)
    }

    /// Runs `fash` with the words of `line` and this standard input.
    pub(crate) fn fash_with(&self, stdin: &str, line: &str) -> Run {
        let mut command = self.command(env!("CARGO_BIN_EXE_fash"));
        run(command.args(line.split_whitespace()), stdin)
    }

    /// Runs `reshard` with the words of `line`, without standard input.
    pub(crate) fn reshard(&self, line: &str) -> Run {
        run(self.command(env!("CARGO_BIN_EXE_reshard")).args(line.split_whitespace()), "")
    }

    /// Runs a line of shell.
    pub(crate) fn bash(&self, line: &str) -> Run {
        run(self.command("bash").arg("-c").arg(line), "")
    }
}

fn run(command: &mut Command, stdin: &str) -> Run {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that does not read its input closes it.
    drop(child.stdin.take().unwrap().write_all(stdin.as_bytes()));
    let output = child.wait_with_output().unwrap();
    Run {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Run {
    /// Standard output of a run that succeeded and said nothing else.
    #[track_caller]
    pub(crate) fn quiet(self) -> String {
        assert_eq!((self.status, self.stderr.as_str()), (0, ""), "{}", self.stdout);
        self.stdout
    }

    /// Standard error of a run that failed with status 1 and printed nothing.
    #[track_caller]
    pub(crate) fn refused(self) -> String {
        assert_eq!((self.status, self.stdout.as_str()), (1, ""), "{}", self.stderr);
        self.stderr
    }

    /// The document of a run that failed with status 1: why, which standard error says too.
    #[track_caller]
    pub(crate) fn failure(self) -> serde_json::Value {
        assert_eq!((self.status, self.stdout.lines().count()), (1, 1), "{}", self.stderr);
        let document: serde_json::Value = serde_json::from_str(&self.stdout).unwrap();
        let error = document["error"].as_str().unwrap();
        assert!(self.stderr.contains(error.lines().next().unwrap()), "{}", self.stderr);
        document
    }

    /// Standard output of a run that succeeded, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.status, 0, "{}", self.stderr);
        assert_eq!(self.stdout.lines().count(), 1, "one document: {}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }
}

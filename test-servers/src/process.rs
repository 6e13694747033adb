//! Processes that end with the test.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Whom PostgreSQL runs as if the test runs as root, which it refuses. Debian's package makes the user.
const USER: &str = "postgres";

/// Waits until the condition holds, and fails the test if that takes too long.
pub fn wait_until(what: &str, patience: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within {patience:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A command that is killed if the test dies without cleaning up, as far as the system's `setpriv` can.
pub fn tied_to_the_test(program: impl AsRef<OsStr>, user: Option<&str>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", user, "--clear-groups"]);
    }
    command.arg(program).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The user to become, if the test runs as root.
pub(crate) fn user() -> Option<&'static str> {
    (fs::metadata("/proc/self").unwrap().uid() == 0).then_some(USER)
}

/// Gives a file to the user that the servers run as.
pub(crate) fn own(path: &Path) {
    let Some(user) = user() else { return };
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|line| line.starts_with(&format!("{user}:"))).unwrap();
    let fields: Vec<&str> = line.split(':').collect();
    chown(path, Some(fields[2].parse().unwrap()), Some(fields[3].parse().unwrap())).unwrap();
}

/// Ends a process, and waits for its end.
pub(crate) fn end(process: &mut Option<Child>, signal: Signal) {
    if let Some(mut process) = process.take() {
        kill_process(Pid::from_child(&process), signal).unwrap();
        process.wait().unwrap();
    }
}

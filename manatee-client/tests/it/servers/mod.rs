//! Real servers for the tests: ZooKeeper, PostgreSQL, and a line between a client and a server that can be cut.
//!
//! Each keeps its data in a directory of its own, listens on a port that the kernel chose, and ends with its handle.

pub(crate) mod postgres;
pub(crate) mod proxy;
pub(crate) mod zookeeper;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A free port. It may be taken by another before it is used; starters try again then.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Waits until the condition holds, and fails the test if that takes too long.
pub(crate) fn wait_until(what: &str, patience: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within {patience:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A command that is killed if the test dies without cleaning up, as far as the system's `setpriv` can.
fn tied_to_the_test(program: &Path, user: Option<&str>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", user, "--clear-groups"]);
    }
    command.arg(program).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

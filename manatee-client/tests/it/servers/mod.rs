//! Real servers for the tests: ZooKeeper, PostgreSQL, and a line between a client and a server that can be cut.
//!
//! Each keeps its data in a directory of its own, listens on an address of this process's own, and ends with its handle.

pub(crate) mod postgres;
pub(crate) mod proxy;
pub(crate) mod zookeeper;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A loopback address that no other process uses: process ids have 22 bits. Between the choice of a port and its use nobody
/// else can take it there, as connections of others going out do on 127.0.0.1.
pub(crate) fn own_address() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 128 | high, middle, low)
}

/// A free port of this process's own address, another one at each call.
pub(crate) fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = TcpListener::bind((own_address(), 0)).unwrap().local_addr().unwrap().port();
        if GIVEN.lock().unwrap().insert(port) {
            return port;
        }
    }
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
pub(crate) fn tied_to_the_test(program: &Path, user: Option<&str>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", user, "--clear-groups"]);
    }
    command.arg(program).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

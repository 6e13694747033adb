//! What a machine has for labs.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use super::error::LabError;
use crate::address::AddressBlock;
use crate::layout::Host;
use crate::postgres::Programs;

/// Programs on the path, and Debian's packages of them. ZooKeeper and PostgreSQL are looked for where they are started.
const PROGRAMS: [(&str, &str); 5] = [
    ("setpriv", "util-linux"),
    ("unshare", "mount"),
    ("prlimit", "util-linux"),
    ("bash", "bash"),
    ("java", "default-jre-headless"),
];

/// Whom everything but the supervisor runs as when root starts a lab, the first that there is.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// What this machine has.
pub(super) fn find(
    program: Vec<PathBuf>,
    directory: PathBuf,
    block: AddressBlock,
) -> Result<Host, LabError> {
    for (program, package) in PROGRAMS {
        let directories = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
        if !directories.iter().any(|directory| Path::new(directory).join(program).exists()) {
            return Err(LabError::Missing { program: program.to_owned(), package });
        }
    }
    let postgresql =
        Programs::newest().map_err(|source| LabError::part("PostgreSQL")(source.into()))?;
    let run_as = rustix::process::geteuid().is_root().then(unprivileged).flatten();
    let taken_ports = (2021..=2024).filter(|port| is_taken(block, *port)).collect();
    Ok(Host { run_as, program, postgresql: postgresql.path().to_owned(), directory, taken_ports })
}

/// Whether a program has a port on all addresses of this machine, so that no router can have it on its own.
fn is_taken(block: AddressBlock, port: u16) -> bool {
    let bound = TcpListener::bind((block.control().ip(), port));
    bound.is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
}

fn unprivileged() -> Option<String> {
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    let exists = |user: &str| accounts.lines().any(|line| line.split(':').next() == Some(user));
    USERS.into_iter().find(|user| exists(user)).map(str::to_owned)
}

/// This program, as the one that runs services.
pub(super) fn this_program() -> Result<Vec<PathBuf>, LabError> {
    let program = env::current_exe().map_err(LabError::file("find", "this program"))?;
    Ok(vec![program])
}

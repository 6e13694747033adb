//! All that a machine has for labs.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use super::error::LabError;
use crate::address::AddressBlock;
use crate::layout::Host;
use crate::postgres::installed;
use crate::programs::Programs;
use crate::zookeeper::missing_jar;

/// Commands, and Debian's packages of them.
const COMMANDS: [(&str, &str); 7] = [
    ("setpriv", "util-linux"),
    ("unshare", "util-linux"),
    ("prlimit", "util-linux"),
    ("mount", "mount"),
    ("chown", "coreutils"),
    ("bash", "bash"),
    ("java", "default-jre-headless"),
];

/// Whom everything but the supervisor runs as when root starts a lab, the first that there is.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// All that this machine has, whatever lab is to run on it.
pub(super) struct Found {
    postgresql: PathBuf,
}

/// Looks whether everything is there that labs need.
pub(super) fn look(programs: &Programs) -> Result<Found, LabError> {
    let Programs { commands, postgresql, postgres, jars } = programs;
    let missing = |program: &str, package, directories: &[PathBuf]| LabError::Missing {
        program: program.to_owned(),
        directories: directories.to_vec(),
        package,
    };
    for (program, package) in COMMANDS {
        if !commands.iter().any(|directory| directory.join(program).exists()) {
            return Err(missing(program, package, commands));
        }
    }
    if let Some(jar) = missing_jar(jars) {
        return Err(missing(jar, "libzookeeper-java", std::slice::from_ref(jars)));
    }
    match installed(programs) {
        Some(postgresql) => Ok(Found { postgresql }),
        None => {
            let directories = std::slice::from_ref(postgres.as_ref().unwrap_or(postgresql));
            Err(missing("the server of PostgreSQL", "postgresql", directories))
        }
    }
}

impl Found {
    /// The part of a layout that it decides.
    pub(super) fn host(
        self,
        program: Vec<PathBuf>,
        directory: PathBuf,
        block: AddressBlock,
    ) -> Host {
        let run_as = rustix::process::geteuid().is_root().then(unprivileged).flatten();
        let taken_ports = (2021..=2024).filter(|port| is_taken(block, *port)).collect();
        Host { run_as, program, postgresql: self.postgresql, directory, taken_ports }
    }
}

/// Tells whether a program has a port on all addresses of this machine, so that no router can have it on its own.
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

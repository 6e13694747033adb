//! Starting processes that end with whoever started them.

use std::ffi::OsStr;
use std::process::Stdio;

use tokio::process::Command;

/// A command that is killed when the thread that started it ends, and so never outlives its program. It runs as
/// `user` when one is given, in a process group of its own, and reads nothing.
///
/// It has to be spawned from a thread that lasts: of a runtime's, a worker; never `spawn_blocking`'s.
pub(crate) fn supervised(program: impl AsRef<OsStr>, user: Option<&str>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", user, "--clear-groups"]);
    }
    command.arg("--").arg(program).stdin(Stdio::null()).process_group(0).kill_on_drop(true);
    command
}

//! The places of labs on this machine, and what dead ones left behind.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::remains::remove;
use crate::address::AddressBlock;
use crate::directory::LabDirectory;

/// The directory of the labs that are removed when they stop.
const PARENT: &str = "/var/tmp";
/// The beginning of their directories' names.
const PREFIX: &str = "reshard-lab-";

/// The directory of a lab in a block of addresses that is removed when the lab stops.
pub(super) fn transient(block: u8) -> PathBuf {
    Path::new(PARENT).join(format!("{PREFIX}{block}"))
}

/// The block of a directory that [`transient`] has given.
fn block_of(name: &str) -> Option<AddressBlock> {
    name.strip_prefix(PREFIX)?.parse().ok().map(AddressBlock::new)
}

/// Locks a lab's directory for as long as the file is open. `None`: another process has it.
pub(super) fn lock(directory: &LabDirectory) -> io::Result<Option<File>> {
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(directory.lock())?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Removes what labs left behind that were killed. Those that run are locked and left alone. Most of their processes died with
/// them, but not what commands in zones had started.
pub(super) fn remove_dead() {
    let Ok(entries) = fs::read_dir(PARENT) else { return };
    for entry in entries.flatten() {
        let Some(block) = entry.file_name().to_str().and_then(block_of) else { continue };
        // One that is only just starting has its addresses, but no lock yet. And none starts there until this is done.
        let Ok(_control) = TcpListener::bind(block.control()) else { continue };
        let directory = LabDirectory::new(entry.path());
        let Ok(Some(_lock)) = lock(&directory) else { continue };
        match remove(directory.path()) {
            Ok(()) => tracing::info!(directory = %directory.path().display(), "removed a dead lab"),
            Err(error) => {
                tracing::warn!(directory = %directory.path().display(), %error, "cannot remove a dead lab");
            }
        }
    }
}

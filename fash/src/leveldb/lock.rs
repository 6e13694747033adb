//! The lock that makes one process the only one to have a database open.
//!
//! LevelDB in C++ (node-fash, electric-moray) takes a POSIX record lock (fcntl) on the file `LOCK`; so do we, or
//! both would write. Such a lock belongs to the process, and is gone as soon as the process closes *any* descriptor
//! of the file: so a table of the locks held here keeps this process from opening a `LOCK` of its own twice.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;
use rustix::process::{Flock, FlockType, fcntl_getlk};

use super::error::{DatabaseError, Holder};
use super::file_name::LOCK;

/// Device and inode of a `LOCK` file.
type Identity = (u64, u64);

static HELD: Mutex<BTreeSet<Identity>> = Mutex::new(BTreeSet::new());

fn held() -> MutexGuard<'static, BTreeSet<Identity>> {
    // The set is valid whatever a panicking thread was doing.
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn identity(metadata: &fs::Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

/// The lock of a database, held until it is dropped.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    /// Open while the lock is held; closing it releases the lock.
    file: Option<File>,
    identity: Identity,
}

impl DirectoryLock {
    /// Takes the lock of the database in `directory`, without waiting.
    pub(crate) fn acquire(directory: &Path) -> Result<Self, DatabaseError> {
        let path = directory.join(LOCK);
        let mut held = held();
        refuse_if_ours(directory, &path, &held)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .open(&path)
            .map_err(DatabaseError::io("open", &path))?;
        let metadata = file.metadata().map_err(DatabaseError::io("read", &path))?;
        match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::AGAIN | Errno::ACCESS) => return Err(in_use(directory, &file)),
            Err(error) => return Err(DatabaseError::io("lock", &path)(error.into())),
        }
        held.insert(identity(&metadata));
        Ok(Self { file: Some(file), identity: identity(&metadata) })
    }

    /// Fails if a process has the database in `directory` open. Changes nothing, and takes nothing.
    pub(crate) fn ensure_free(directory: &Path) -> Result<(), DatabaseError> {
        let path = directory.join(LOCK);
        // Held while the file is open here: closing it would release a lock taken meanwhile.
        let held = held();
        refuse_if_ours(directory, &path, &held)?;
        let file = match File::open(&path) {
            Ok(file) => file,
            // Nobody can hold what is not there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(DatabaseError::io("open", &path)(error)),
        };
        match holder(&file).map_err(DatabaseError::io("ask who locks", &path))? {
            None => Ok(()),
            Some(holder) => Err(DatabaseError::InUse { path: directory.to_owned(), holder }),
        }
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        let mut held = held();
        drop(self.file.take());
        held.remove(&self.identity);
    }
}

fn refuse_if_ours(
    directory: &Path,
    path: &PathBuf,
    held: &BTreeSet<Identity>,
) -> Result<(), DatabaseError> {
    match fs::metadata(path) {
        Ok(metadata) if held.contains(&identity(&metadata)) => {
            Err(DatabaseError::InUse { path: directory.to_owned(), holder: Holder::ThisProcess })
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(DatabaseError::io("look at", path)(error)),
    }
}

fn in_use(directory: &Path, file: &File) -> DatabaseError {
    // The holder may be gone again by now; it was there when the lock was refused.
    let holder = holder(file).ok().flatten().unwrap_or(Holder::Process(0));
    DatabaseError::InUse { path: directory.to_owned(), holder }
}

fn holder(file: &File) -> io::Result<Option<Holder>> {
    let lock = fcntl_getlk(file, &Flock::from(FlockType::WriteLock))?;
    Ok(lock.map(|lock| {
        let id = lock.pid.and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok());
        Holder::Process(id.unwrap_or(0))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once_in_a_process_and_freed_on_drop() {
        let directory = tempfile::tempdir().unwrap();
        DirectoryLock::ensure_free(directory.path()).unwrap();
        assert!(!directory.path().join(LOCK).exists(), "looking creates nothing");
        let lock = DirectoryLock::acquire(directory.path()).unwrap();
        for result in [
            DirectoryLock::acquire(directory.path()).map(drop),
            DirectoryLock::ensure_free(directory.path()),
        ] {
            let error = result.unwrap_err();
            assert!(
                matches!(error, DatabaseError::InUse { holder: Holder::ThisProcess, .. }),
                "{error}"
            );
        }
        drop(lock);
        DirectoryLock::ensure_free(directory.path()).unwrap();
        DirectoryLock::acquire(directory.path()).unwrap();
    }
}

//! The notes that the holders of a lock leave beside it for those who come after them.

use super::LockError;
use super::{HeldLock, Lock};
use crate::error::ZooKeeperError;

/// A note beside a lock, as it was read or written. It outlives its writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockNote {
    data: Vec<u8>,
    version: i32,
}

impl LockNote {
    /// Its content.
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

impl Lock {
    fn note_path(&self, name: &str) -> Result<String, LockError> {
        let path = format!("{}/{name}", self.path);
        if name.is_empty() || name.contains('/') || matches!(name, "." | ".." | "alive") {
            return Err(LockError::BadName { path });
        }
        Ok(path)
    }

    /// Reads the note with this name; `None` if nobody has written it.
    ///
    /// # Errors
    ///
    /// [`LockError::BadName`], [`LockError::ZooKeeper`].
    pub async fn note(&self, name: &str) -> Result<Option<LockNote>, LockError> {
        let path = self.note_path(name)?;
        let node = self.session.read(&path).await.map_err(|error| self.fail(error))?;
        // Made, and not written yet.
        let written = node.filter(|node| !node.data.is_empty());
        Ok(written.map(|node| LockNote { data: node.data, version: node.version }))
    }
}

impl HeldLock {
    /// Reads the note with this name beside the lock.
    ///
    /// # Errors
    ///
    /// As [`Lock::note`].
    pub async fn note(&self, name: &str) -> Result<Option<LockNote>, LockError> {
        self.lock.note(name).await
    }

    /// Writes a note beside the lock, in one step with seeing that it is still the `last` one, which the caller has read or
    /// written; `None` if there was none.
    ///
    /// A holder that reads the note when it has taken the lock, and writes it before everything it does, thereby learns in time
    /// that somebody else has taken the lock: the other one has written the note too.
    ///
    /// # Errors
    ///
    /// [`LockError::NoteChanged`] if somebody has written it since, which may have been this holder, in an attempt that ended
    /// with [`LockError::ZooKeeper`]; that also if the session is over; [`LockError::BadName`].
    pub async fn write_note(
        &self,
        name: &str,
        data: &[u8],
        last: Option<&LockNote>,
    ) -> Result<LockNote, LockError> {
        let path = self.lock.note_path(name)?;
        let fail = |error| self.lock.fail(error);
        let version = last.map_or(0, |last| last.version);
        if last.is_none() {
            self.lock.session.make_directory(&path).await.map_err(fail)?;
        }
        match self.lock.session.set(&path, data, version).await {
            Ok(version) => Ok(LockNote { data: data.to_owned(), version }),
            Err(ZooKeeperError::BadVersion { .. } | ZooKeeperError::NoNode { .. }) => {
                Err(LockError::NoteChanged { path })
            }
            Err(error) => Err(fail(error)),
        }
    }
}

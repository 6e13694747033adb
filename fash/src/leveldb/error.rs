//! The errors of a LevelDB directory.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A LevelDB directory cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The path is not there.
    #[error("{path} does not exist")]
    NotFound {
        /// The directory that was asked for.
        path: PathBuf,
    },
    /// The path is there, but holds no database.
    #[error("{path} is not a LevelDB directory: {reason}")]
    NotADatabase {
        /// The directory that was asked for.
        path: PathBuf,
        /// The thing that it lacks.
        reason: &'static str,
    },
    /// Another process, or another part of this one, has the database open.
    #[error("{path} is in use: {holder} holds its lock")]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The one that has it open.
        holder: Holder,
    },
    /// The operating system refused an operation.
    #[error("cannot {action} {path}")]
    Io {
        /// The operation, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file that the database's MANIFEST names is missing.
    #[error("{path} is missing, though the database's MANIFEST names it")]
    MissingFile {
        /// The file.
        path: PathBuf,
    },
    /// A file does not hold what LevelDB writes.
    #[error("{path} is damaged at byte {offset}: {what}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The place in the file, in bytes from its start.
        offset: u64,
        /// The problem there.
        what: &'static str,
    },
    /// A log ends in the middle of a record: the last write did not finish, or the file was cut.
    #[error(
        "{path} ends in the middle of a record that begins at byte {offset}: the last write to the database \
         did not finish, or the file was cut"
    )]
    TornLog {
        /// The log.
        path: PathBuf,
        /// The place at which the unfinished record begins, in bytes from the file's start.
        offset: u64,
    },
    /// The database kept changing while it was being read.
    #[error(
        "{path} kept changing while it was being read: {attempts} attempts found no moment of rest"
    )]
    Changing {
        /// The directory.
        path: PathBuf,
        /// The number of attempts.
        attempts: u32,
    },
    /// The target of a new database is taken.
    #[error("{path} already exists and is not an empty directory")]
    AlreadyExists {
        /// The target.
        path: PathBuf,
    },
}

/// The holder of a database's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// This very process.
    ThisProcess,
    /// Another process, by its process id. 0 where the system does not tell.
    Process(u32),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ThisProcess => f.write_str("this process itself"),
            Self::Process(0) => f.write_str("a process that the system does not name"),
            Self::Process(id) => write!(f, "process {id}"),
        }
    }
}

impl DatabaseError {
    pub(crate) fn io(
        action: &'static str,
        path: impl AsRef<Path>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub(super) fn corrupt(path: &Path, offset: usize, what: &'static str) -> Self {
        Self::Corrupt { path: path.to_owned(), offset: offset as u64, what }
    }
}

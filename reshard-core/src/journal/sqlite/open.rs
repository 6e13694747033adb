//! Making and opening plan files.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tempfile::TempDir;

use super::SqliteJournal;
use crate::journal::{Controls, JournalError, PlanState};
use crate::plan::Plan;

const SCHEMA: &str = include_str!("../schema.sql");
const VERSION: i64 = 1;
/// The time to wait for another process that writes the same file.
pub(super) const BUSY: Duration = Duration::from_secs(10);

impl SqliteJournal {
    fn over(path: &Path, connection: Connection) -> Self {
        Self {
            path: path.to_owned(),
            connection: Mutex::new(connection),
            token: AtomicU64::new(0),
            _copy: None,
        }
    }

    /// Writes a new plan file. It appears under its name complete or not at all.
    ///
    /// # Errors
    ///
    /// [`JournalError::Exists`] if there is such a file, and as it may be the only witness of a plan half done, it is left
    /// alone; [`JournalError::Io`], [`JournalError::Database`].
    pub fn create(path: &Path, plan: &Plan) -> Result<Self, JournalError> {
        let shown = || path.display().to_string();
        let io = |source| JournalError::Io { path: shown(), source };
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let draft = tempfile::Builder::new().prefix(".plan-").tempfile_in(directory).map_err(io)?;
        {
            let connection = Connection::open(draft.path())
                .map_err(|source| JournalError::of_sqlite(shown(), source))?;
            let store = Self::over(path, connection);
            store.write(|transaction| {
                let schema = transaction
                    .execute_batch(SCHEMA)
                    .and_then(|()| transaction.pragma_update(None, "user_version", VERSION));
                schema.map_err(|source| store.failed(source))?;
                store.put(transaction, "document", "plan", plan)?;
                store.put(transaction, "document", "state", &PlanState::Planned)?;
                store.put(transaction, "document", "controls", &Controls::default())
            })?;
        }
        draft.as_file().sync_all().map_err(io)?;
        draft.persist_noclobber(path).map_err(|error| {
            if error.error.kind() == std::io::ErrorKind::AlreadyExists {
                JournalError::Exists { path: shown() }
            } else {
                io(error.error)
            }
        })?;
        std::fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(io)?;
        Self::open(path)
    }

    /// Opens a plan file.
    ///
    /// # Errors
    ///
    /// [`JournalError`]; a file that is no plan file is not changed.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, path)?;
        let failed = |source| JournalError::of_sqlite(path.display().to_string(), source);
        // The file alone is the plan whenever no write is under way: what a write-ahead log has would be lost to a plain copy
        // after a crash. Its journal's removal is synced too, or the last write would be undone after a power failure.
        connection.pragma_update(None, "journal_mode", "delete").map_err(failed)?;
        connection.pragma_update(None, "synchronous", "extra").map_err(failed)?;
        Ok(Self::over(path, connection))
    }

    /// Opens a plan file to look at it, also one that may only be read. Nothing is written, neither into it nor beside it.
    ///
    /// If the executor was killed in the middle of a write and nobody has opened the file to write since, this is a view of
    /// the file as it is now, which does not change any more.
    ///
    /// # Errors
    ///
    /// [`JournalError`]
    pub fn open_read_only(path: &Path) -> Result<Self, JournalError> {
        match connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, path) {
            Err(JournalError::Database { source, .. }) if is_half_written(&source) => {}
            connection => return Ok(Self::over(path, connection?)),
        }
        let io = |source| JournalError::Io { path: path.display().to_string(), source };
        let directory = TempDir::new().map_err(io)?;
        let copy = directory.path().join("plan");
        std::fs::copy(path, &copy).map_err(io)?;
        std::fs::copy(beside(path, "-journal"), beside(&copy, "-journal")).map_err(io)?;
        let connection = connect(&copy, OpenFlags::SQLITE_OPEN_READ_WRITE, path)?;
        connection
            .pragma_update(None, "query_only", true)
            .map_err(|source| JournalError::of_sqlite(path.display().to_string(), source))?;
        Ok(Self { _copy: Some(directory), ..Self::over(path, connection) })
    }
}

/// Tells whether a write was broken off that has to be undone before the file can be read.
fn is_half_written(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        error.code == ErrorCode::ReadOnly || error.code == ErrorCode::CannotOpen
    })
}

/// The name with something at its end.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(end);
    name.into()
}

/// Opens a file and looks whether it is a plan file, and a whole one; errors name it as `shown`.
fn connect(path: &Path, flags: OpenFlags, shown: &Path) -> Result<Connection, JournalError> {
    let shown = shown.display().to_string();
    if !path.exists() {
        return Err(JournalError::Missing { path: shown });
    }
    if path.is_dir() {
        return Err(JournalError::NotAPlan { path: shown });
    }
    let failed = |source| JournalError::of_sqlite(shown.clone(), source);
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    let found: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    // Of another program, or empty.
    if found == 0 {
        return Err(JournalError::NotAPlan { path: shown });
    }
    if found != VERSION {
        return Err(JournalError::Version { path: shown, found, known: VERSION });
    }
    let problem: String = connection
        .query_row("pragma quick_check(1)", [], |row| row.get(0))
        .map_err(|source| JournalError::of_sqlite(shown.clone(), source))?;
    if problem != "ok" {
        return Err(JournalError::Torn { path: shown, problem });
    }
    Ok(connection)
}

//! The journal in a file of `SQLite`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Activity, Controls, Entry, PhaseRecord, PlanState, Store, StoreError};
use crate::plan::Plan;

#[cfg(test)]
mod tests;

const SCHEMA: &str = include_str!("schema.sql");
const VERSION: i64 = 1;
/// How long to wait for another process that writes the same file.
const BUSY: Duration = Duration::from_secs(10);

/// A plan file: `SQLite`, with a write-ahead log, each write synced to the disk before it returns.
///
/// Writes are single rows and take milliseconds, so they are made where they are needed, also in async code.
pub struct SqliteStore {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl SqliteStore {
    /// Writes a new plan file. It appears under its name complete or not at all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Exists`] if there is such a file, and as it may be the only witness of a plan half done, it is left
    /// alone; [`StoreError::Io`], [`StoreError::Database`].
    pub fn create(path: &Path, plan: &Plan) -> Result<Self, StoreError> {
        let shown = || path.display().to_string();
        let io = |source| StoreError::Io { path: shown(), source };
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let draft = tempfile::Builder::new().prefix(".plan-").tempfile_in(directory).map_err(io)?;
        {
            let store = Self {
                path: path.to_owned(),
                connection: Mutex::new(
                    Connection::open(draft.path())
                        .map_err(|source| StoreError::Database { path: shown(), source })?,
                ),
            };
            store.run(|connection| {
                connection.execute_batch(SCHEMA)?;
                connection.pragma_update(None, "user_version", VERSION)
            })?;
            store.put("document", "plan", plan)?;
            store.set_state(&PlanState::Planned)?;
            store.put("document", "controls", &Controls::default())?;
        }
        draft.as_file().sync_all().map_err(io)?;
        draft.persist_noclobber(path).map_err(|error| {
            if error.error.kind() == std::io::ErrorKind::AlreadyExists {
                StoreError::Exists { path: shown() }
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
    /// [`StoreError`]; a file that is no plan file is not changed.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let shown = path.display().to_string();
        if !path.exists() {
            return Err(StoreError::Missing { path: shown });
        }
        let failed = |source| StoreError::Database { path: shown.clone(), source };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        let found: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(failed)?;
        if found != VERSION {
            return Err(StoreError::Version { path: shown, found, known: VERSION });
        }
        connection.pragma_update(None, "journal_mode", "wal").map_err(failed)?;
        connection.pragma_update(None, "synchronous", "full").map_err(failed)?;
        Ok(Self { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere leaves no statement half run.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Database { path: self.shown(), source }
    }

    fn run<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        work(&self.lock()).map_err(|source| self.failed(source))
    }

    /// A transaction that nobody else writes beside from its beginning on.
    fn transaction<'a>(&self, connection: &'a Connection) -> Result<Transaction<'a>, StoreError> {
        Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
            .map_err(|source| self.failed(source))
    }

    fn shown(&self) -> String {
        self.path.display().to_string()
    }

    fn read<T: DeserializeOwned>(&self, what: &str, json: &str) -> Result<T, StoreError> {
        serde_json::from_str(json).map_err(|source| StoreError::Damaged {
            path: self.shown(),
            what: what.to_owned(),
            source,
        })
    }

    fn written<T: Serialize>(&self, what: &str, value: &T) -> Result<String, StoreError> {
        serde_json::to_string(value).map_err(|source| StoreError::Damaged {
            path: self.shown(),
            what: what.to_owned(),
            source,
        })
    }

    fn get<T: DeserializeOwned>(&self, table: &str, name: &str) -> Result<Option<T>, StoreError> {
        self.get_in(&self.lock(), table, name)
    }

    fn get_in<T: DeserializeOwned>(
        &self,
        connection: &Connection,
        table: &str,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        let sql = format!("select json from {table} where name = ?1");
        let json: Option<String> = connection
            .prepare_cached(&sql)
            .and_then(|mut statement| statement.query_row([name], |row| row.get(0)).optional())
            .map_err(|source| self.failed(source))?;
        json.map(|json| self.read(name, &json)).transpose()
    }

    fn put<T: Serialize>(&self, table: &str, name: &str, value: &T) -> Result<(), StoreError> {
        self.put_in(&self.lock(), table, name, value)
    }

    fn put_in<T: Serialize>(
        &self,
        connection: &Connection,
        table: &str,
        name: &str,
        value: &T,
    ) -> Result<(), StoreError> {
        let json = self.written(name, value)?;
        let sql = format!("insert or replace into {table} (name, json) values (?1, ?2)");
        connection
            .prepare_cached(&sql)
            .and_then(|mut statement| statement.execute([name, &json]))
            .map_err(|source| self.failed(source))?;
        Ok(())
    }

    fn remove(&self, table: &str, name: &str) -> Result<(), StoreError> {
        let sql = format!("delete from {table} where name = ?1");
        self.run(|connection| connection.prepare_cached(&sql)?.execute([name]))?;
        Ok(())
    }

    fn all<T: DeserializeOwned>(&self, table: &str) -> Result<BTreeMap<String, T>, StoreError> {
        let sql = format!("select name, json from {table}");
        let rows: Vec<(String, String)> = self.run(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })?;
        rows.into_iter()
            .map(|(name, json)| {
                let value = self.read(&name, &json)?;
                Ok((name, value))
            })
            .collect()
    }
}

impl Store for SqliteStore {
    fn plan(&self) -> Result<Plan, StoreError> {
        let problem =
            |problem: &str| StoreError::Plan { path: self.shown(), problem: problem.to_owned() };
        let plan: Plan = self.get("document", "plan")?.ok_or_else(|| problem("there is none"))?;
        if !plan.hash_is_right() {
            return Err(problem("its hash does not fit: it was changed by hand"));
        }
        Ok(plan)
    }

    /// Beside the plan file, with `.work` at the end of its name.
    fn work_directory(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".work");
        name.into()
    }

    fn state(&self) -> Result<PlanState, StoreError> {
        Ok(self.get("document", "state")?.unwrap_or(PlanState::Planned))
    }

    fn set_state(&self, state: &PlanState) -> Result<(), StoreError> {
        self.put("document", "state", state)
    }

    fn phases(&self) -> Result<BTreeMap<String, PhaseRecord>, StoreError> {
        self.all("phase")
    }

    fn set_phase(&self, name: &str, record: &PhaseRecord) -> Result<(), StoreError> {
        self.put("phase", name, record)
    }

    fn fact(&self, key: &str) -> Result<Option<Value>, StoreError> {
        self.get("fact", key)
    }

    fn set_fact(&self, key: &str, value: Option<&Value>) -> Result<(), StoreError> {
        match value {
            Some(value) => self.put("fact", key, value),
            None => self.remove("fact", key),
        }
    }

    fn facts(&self) -> Result<BTreeMap<String, Value>, StoreError> {
        self.all("fact")
    }

    fn controls(&self) -> Result<Controls, StoreError> {
        Ok(self.get("document", "controls")?.unwrap_or_default())
    }

    fn update_controls(
        &self,
        change: &mut dyn FnMut(&mut Controls),
    ) -> Result<Controls, StoreError> {
        let connection = self.lock();
        let transaction = self.transaction(&connection)?;
        let mut controls = self.get_in(&transaction, "document", "controls")?.unwrap_or_default();
        change(&mut controls);
        self.put_in(&transaction, "document", "controls", &controls)?;
        transaction.commit().map_err(|source| self.failed(source))?;
        Ok(controls)
    }

    fn activity(&self) -> Result<Option<Activity>, StoreError> {
        self.get("document", "activity")
    }

    fn set_activity(&self, activity: Option<&Activity>) -> Result<(), StoreError> {
        match activity {
            Some(activity) => self.put("document", "activity", activity),
            None => self.remove("document", "activity"),
        }
    }

    fn append(&self, entry: &Entry) -> Result<u64, StoreError> {
        let json = self.written("log", entry)?;
        let number = self.run(|connection| {
            connection.prepare_cached("insert into log (json) values (?1)")?.insert([json])
        })?;
        Ok(u64::try_from(number).unwrap_or_default())
    }

    fn log_after(&self, number: u64) -> Result<Vec<(u64, Entry)>, StoreError> {
        let after = i64::try_from(number).unwrap_or(i64::MAX);
        let rows: Vec<(i64, String)> = self.run(|connection| {
            let sql = "select number, json from log where number > ?1 order by number";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([after], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })?;
        rows.into_iter()
            .map(|(number, json)| {
                Ok((u64::try_from(number).unwrap_or_default(), self.read("log", &json)?))
            })
            .collect()
    }
}

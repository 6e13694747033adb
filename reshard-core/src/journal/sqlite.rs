//! The journal in a file of `SQLite`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Activity, Controls, Entry, PhaseRecord, PlanState, Presence, Store, StoreError};
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
    /// The token of the executor that claimed the plan through this store; 0 for none.
    token: AtomicU64,
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
                token: AtomicU64::new(0),
            };
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
        let connection = Mutex::new(connection);
        Ok(Self { path: path.to_owned(), connection, token: AtomicU64::new(0) })
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

    /// Changes something in one transaction, which nobody else writes beside from its beginning on. Refused if the plan was
    /// claimed through this store and somebody else has claimed it since.
    fn write<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.write_in(&self.lock(), change)
    }

    fn write_in<T>(
        &self,
        connection: &Connection,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let immediate = TransactionBehavior::Immediate;
        let transaction = Transaction::new_unchecked(connection, immediate)
            .map_err(|source| self.failed(source))?;
        let token = self.token.load(Ordering::SeqCst);
        if token != 0 {
            self.refuse_below(&transaction, token)?;
        }
        let changed = change(&transaction)?;
        transaction.commit().map_err(|source| self.failed(source))?;
        Ok(changed)
    }

    /// Fails if an executor with a higher token has claimed the plan. Otherwise the one that did.
    fn refuse_below(
        &self,
        connection: &Connection,
        token: u64,
    ) -> Result<Option<Presence>, StoreError> {
        let last: Option<Presence> = self.get_in(connection, "document", "executor")?;
        match last {
            Some(by) if by.token > token => {
                Err(StoreError::Overtaken { path: self.shown(), by: Box::new(by) })
            }
            last => Ok(last),
        }
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

    fn put<T: Serialize>(
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

    /// Writes it in a transaction of its own; without a value it is removed.
    fn set<T: Serialize>(
        &self,
        table: &str,
        name: &str,
        value: Option<&T>,
    ) -> Result<(), StoreError> {
        self.write(|transaction| {
            let Some(value) = value else {
                let sql = format!("delete from {table} where name = ?1");
                transaction.execute(&sql, [name]).map_err(|source| self.failed(source))?;
                return Ok(());
            };
            self.put(transaction, table, name, value)
        })
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
        self.set("document", "state", Some(state))
    }

    fn phases(&self) -> Result<BTreeMap<String, PhaseRecord>, StoreError> {
        self.all("phase")
    }

    fn set_phase(&self, name: &str, record: &PhaseRecord) -> Result<(), StoreError> {
        self.set("phase", name, Some(record))
    }

    fn fact(&self, key: &str) -> Result<Option<Value>, StoreError> {
        self.get("fact", key)
    }

    fn set_fact(&self, key: &str, value: Option<&Value>) -> Result<(), StoreError> {
        self.set("fact", key, value)
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
        self.write(|transaction| {
            let mut controls =
                self.get_in(transaction, "document", "controls")?.unwrap_or_default();
            change(&mut controls);
            self.put(transaction, "document", "controls", &controls)?;
            Ok(controls)
        })
    }

    fn activity(&self) -> Result<Option<Activity>, StoreError> {
        self.get("document", "activity")
    }

    fn set_activity(&self, activity: Option<&Activity>) -> Result<(), StoreError> {
        self.set("document", "activity", activity)
    }

    fn claim(&self, executor: &Presence) -> Result<(), StoreError> {
        self.write(|transaction| {
            let last = self.refuse_below(transaction, executor.token)?;
            let is_other =
                |last: &Presence| last.token == executor.token && last.session != executor.session;
            if let Some(by) = last.filter(is_other) {
                return Err(StoreError::Overtaken { path: self.shown(), by: Box::new(by) });
            }
            self.put(transaction, "document", "executor", executor)
        })?;
        self.token.store(executor.token, Ordering::SeqCst);
        Ok(())
    }

    fn presence(&self) -> Result<Option<Presence>, StoreError> {
        self.get("document", "executor")
    }

    fn beat(&self, at: Timestamp, leaves: bool) -> Result<(), StoreError> {
        let token = self.token.load(Ordering::SeqCst);
        let connection = self.lock();
        let wait = |time| connection.busy_timeout(time).map_err(|source| self.failed(source));
        if !leaves {
            // The next is soon; meanwhile the executor wants the connection.
            wait(Duration::ZERO)?;
        }
        let written = self.write_in(&connection, |transaction| {
            let own: Option<Presence> = self.get_in(transaction, "document", "executor")?;
            let Some(mut own) = own.filter(|own| own.token == token) else { return Ok(()) };
            own.heartbeat = at;
            own.left = leaves.then_some(at);
            self.put(transaction, "document", "executor", &own)
        });
        wait(BUSY)?;
        written
    }

    fn append(&self, entry: &Entry) -> Result<u64, StoreError> {
        let json = self.written("log", entry)?;
        let number = self.write(|transaction| {
            transaction
                .prepare_cached("insert into log (json) values (?1)")
                .and_then(|mut statement| statement.insert([json]))
                .map_err(|source| self.failed(source))
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

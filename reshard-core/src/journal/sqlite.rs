//! The journal in a file of `SQLite`.

mod open;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use super::{JournalError, Presence};

/// A plan file: `SQLite`, each write synced to the disk before it returns.
///
/// Writes are single rows and take milliseconds, so they are made where they are needed, also in async code. While one is under
/// way there is a `-journal` beside the file, and otherwise the file is the whole plan.
pub struct SqliteJournal {
    path: PathBuf,
    connection: Mutex<Connection>,
    /// The token of the executor that claimed the plan through this store; 0 for none.
    token: AtomicU64,
    /// The directory with the file that is read in place of the one at `path`.
    _copy: Option<TempDir>,
}

impl SqliteJournal {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere leaves no statement half run.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, source: rusqlite::Error) -> JournalError {
        JournalError::of_sqlite(self.shown(), source)
    }

    fn run<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, JournalError> {
        work(&self.lock()).map_err(|source| self.failed(source))
    }

    /// Changes something in one transaction, which nobody else writes beside from its beginning on. Refused if the plan was
    /// claimed through this store and somebody else has claimed it since.
    fn write<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        self.write_in(&self.lock(), change)
    }

    fn write_in<T>(
        &self,
        connection: &Connection,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
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
    ) -> Result<Option<Presence>, JournalError> {
        let last: Option<Presence> = self.get_in(connection, "document", "executor")?;
        match last {
            Some(by) if by.token > token => {
                Err(JournalError::Overtaken { path: self.shown(), by: Box::new(by) })
            }
            last => Ok(last),
        }
    }

    fn shown(&self) -> String {
        self.path.display().to_string()
    }

    fn read<T: DeserializeOwned>(&self, what: &str, json: &str) -> Result<T, JournalError> {
        serde_json::from_str(json).map_err(|source| JournalError::Damaged {
            path: self.shown(),
            what: what.to_owned(),
            source,
        })
    }

    fn written<T: Serialize>(&self, what: &str, value: &T) -> Result<String, JournalError> {
        serde_json::to_string(value).map_err(|source| JournalError::Damaged {
            path: self.shown(),
            what: what.to_owned(),
            source,
        })
    }

    fn get<T: DeserializeOwned>(&self, table: &str, name: &str) -> Result<Option<T>, JournalError> {
        self.get_in(&self.lock(), table, name)
    }

    fn get_in<T: DeserializeOwned>(
        &self,
        connection: &Connection,
        table: &str,
        name: &str,
    ) -> Result<Option<T>, JournalError> {
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
    ) -> Result<(), JournalError> {
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
    ) -> Result<(), JournalError> {
        self.write(|transaction| {
            let Some(value) = value else {
                let sql = format!("delete from {table} where name = ?1");
                transaction.execute(&sql, [name]).map_err(|source| self.failed(source))?;
                return Ok(());
            };
            self.put(transaction, table, name, value)
        })
    }

    fn all<T: DeserializeOwned>(&self, table: &str) -> Result<BTreeMap<String, T>, JournalError> {
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

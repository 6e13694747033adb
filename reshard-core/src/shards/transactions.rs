//! Transactions that began before some moment.

use crate::deployment::{Database, DatabaseError};

/// A transaction that is still open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenTransaction {
    /// The process of PostgreSQL that carries it.
    pub pid: i32,
    /// Who it is for, as the client calls itself.
    pub application: String,
    /// For how many seconds it has been open.
    pub seconds: i64,
}

/// The time of the database's server, as text that keeps all of its digits.
///
/// # Errors
///
/// [`DatabaseError`]
pub async fn server_time(database: &Database) -> Result<String, DatabaseError> {
    let row = database.query_one("SELECT clock_timestamp()::text", &[]).await;
    let row = row.map_err(|source| database.error("ask the time", source))?;
    row.try_get(0).map_err(|source| database.error("ask the time", source))
}

/// The transactions of the database's clients that began before this time of its server. One that has not written yet may
/// still write, so it counts, whatever it did.
///
/// # Errors
///
/// [`DatabaseError`]
pub async fn transactions_before(
    database: &Database,
    time: &str,
) -> Result<Vec<OpenTransaction>, DatabaseError> {
    let failed = |source| database.error("list the open transactions", source);
    // The server's own processes have no port. `reshard` itself only reads.
    let query = "SELECT pid, coalesce(application_name, ''), \
                 extract(epoch FROM clock_timestamp() - xact_start)::int8 \
                 FROM pg_stat_activity \
                 WHERE datname = current_database() AND client_port IS NOT NULL \
                 AND pid <> pg_backend_pid() AND application_name IS DISTINCT FROM 'reshard' \
                 AND xact_start < $1::text::timestamptz";
    let rows = database.query(query, &[&time]).await.map_err(failed)?;
    rows.iter()
        .map(|row| {
            Ok(OpenTransaction {
                pid: row.try_get(0).map_err(failed)?,
                application: row.try_get(1).map_err(failed)?,
                seconds: row.try_get(2).map_err(failed)?,
            })
        })
        .collect()
}

/// Which transactions the database's server has seen the end of: `txid_current_snapshot()`.
///
/// # Errors
///
/// [`DatabaseError`]
pub async fn snapshot(database: &Database) -> Result<String, DatabaseError> {
    let row = database.query_one("SELECT txid_current_snapshot()::text", &[]).await;
    let row = row.map_err(|source| database.error("take a snapshot", source))?;
    row.try_get(0).map_err(|source| database.error("take a snapshot", source))
}

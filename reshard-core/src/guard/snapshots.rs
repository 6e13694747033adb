//! The oldest snapshot of a server: what keeps deleted rows in their places.

use std::fmt;
use std::time::Duration;

use super::error::GuardError;
use super::log::{count, seconds};
use crate::deployment::Database;

/// Lazy vacuums are left out: nothing is kept for them.
const OLDEST: &str = "
    SELECT kind, pid, name, coalesce(query, ''), coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - since), 0)::float8,
        behind::bigint
    FROM (
        SELECT 'session' AS kind, pid, application_name AS name, query, xact_start AS since,
            greatest(pg_catalog.age(backend_xmin), pg_catalog.age(backend_xid)) AS behind
        FROM pg_catalog.pg_stat_activity
        WHERE pid <> pg_catalog.pg_backend_pid() AND query NOT LIKE 'autovacuum:%'
            AND pid NOT IN (SELECT pid FROM pg_catalog.pg_stat_replication)
        UNION ALL
        SELECT 'standby', pid, application_name, NULL, NULL, pg_catalog.age(backend_xmin)
        FROM pg_catalog.pg_stat_replication
        UNION ALL
        SELECT 'slot', active_pid, slot_name::text, NULL, NULL,
            greatest(pg_catalog.age(xmin), pg_catalog.age(catalog_xmin))
        FROM pg_catalog.pg_replication_slots
        UNION ALL
        SELECT 'prepared', NULL, gid, NULL, prepared, pg_catalog.age(transaction) FROM pg_catalog.pg_prepared_xacts
    ) AS holder
    WHERE behind IS NOT NULL ORDER BY behind DESC, since LIMIT 1";

/// The kind of what holds a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotKind {
    /// A client's transaction.
    Session,
    /// A query at a standby that tells its primary (`hot_standby_feedback`).
    Standby,
    /// A replication slot.
    Slot,
    /// A prepared transaction, which nobody may be left to end.
    Prepared,
}

/// The oldest snapshot that is held at a server, by others than the connection that asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldestSnapshot {
    /// The kind of its holder.
    pub kind: SnapshotKind,
    /// The process that holds it, if one does.
    pub pid: Option<i32>,
    /// The name of the application, the slot or the prepared transaction.
    pub name: String,
    /// The query that the session runs now, or ran last; empty for others.
    pub query: String,
    /// The time since its transaction began; zero if that is not known.
    pub age: Duration,
    /// The number of transactions that began since.
    pub transactions: u64,
}

/// Asks for the oldest snapshot of a server, with its owner. `None` if nobody has one.
///
/// # Errors
///
/// [`GuardError::Database`]
pub async fn oldest_snapshot(database: &Database) -> Result<Option<OldestSnapshot>, GuardError> {
    let doing = "look for the oldest snapshot";
    let row = database.query_opt(OLDEST, &[]).await;
    let Some(row) = row.map_err(|error| database.error(doing, error))? else { return Ok(None) };
    let kind = match database.cell::<&str>(doing, &row, 0)? {
        "standby" => SnapshotKind::Standby,
        "slot" => SnapshotKind::Slot,
        "prepared" => SnapshotKind::Prepared,
        _ => SnapshotKind::Session,
    };
    Ok(Some(OldestSnapshot {
        kind,
        pid: database.cell(doing, &row, 1)?,
        name: database.cell(doing, &row, 2)?,
        query: database.cell(doing, &row, 3)?,
        age: seconds(database.cell(doing, &row, 4)?),
        transactions: count(database.cell(doing, &row, 5)?),
    }))
}

impl fmt::Display for OldestSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            SnapshotKind::Session => write!(f, "a transaction of {:?}", self.name)?,
            SnapshotKind::Standby => write!(f, "a query at the standby {:?}", self.name)?,
            SnapshotKind::Slot => write!(f, "the replication slot {:?}", self.name)?,
            SnapshotKind::Prepared => write!(f, "the prepared transaction {:?}", self.name)?,
        }
        if let Some(pid) = self.pid {
            write!(f, " (process {pid})")?;
        }
        write!(f, ", {} transactions old", self.transactions)
    }
}

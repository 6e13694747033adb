//! The identity of a database: it is no longer the same after a failover or a rebuild (rule R13).

use manatee_client::Lsn;
use serde::{Deserialize, Serialize};

use super::error::GuardError;
use crate::deployment::Database;
use crate::rows::{RowsError, server_version};

/// The identity of a shard's database while nothing takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// PostgreSQL's system identifier, the same for all physical copies of a database.
    pub system: i64,
    /// The timeline to which the server writes; every promotion begins a new one.
    pub timeline: u32,
    /// The generation of the shard's state in Manatee.
    pub generation: u64,
}

/// The databases of a move are not those any more with which it was armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityChange {
    /// The server has another database.
    #[error("the database is another: its system identifier is {found}, not {expected}")]
    System {
        /// The identifier before.
        expected: i64,
        /// The identifier now.
        found: i64,
    },
    /// A standby was promoted.
    #[error("a standby was promoted: the timeline is {found}, not {expected}")]
    Timeline {
        /// The timeline before.
        expected: u32,
        /// The timeline now.
        found: u32,
    },
    /// The shard's peers have other roles.
    #[error(
        "the roles of the shard's peers have changed: its generation is {found}, not {expected}"
    )]
    Generation {
        /// The generation before.
        expected: u64,
        /// The generation now.
        found: u64,
    },
}

impl Identity {
    /// Reads the identity of a primary's database. The generation is what Manatee's state says.
    ///
    /// # Errors
    ///
    /// [`GuardError::Database`], also if the server is a standby, and [`GuardError::Rows`].
    pub async fn read(database: &Database, generation: u64) -> Result<Self, GuardError> {
        // The control file names the timeline of the last checkpoint, which a server that was just promoted has still to make.
        let segment = if names_have_wal(database).await? {
            "pg_walfile_name(pg_current_wal_lsn())"
        } else {
            "pg_xlogfile_name(pg_current_xlog_location())"
        };
        let sql = format!("SELECT system_identifier, left({segment}, 8) FROM pg_control_system()");
        let doing = "ask for the database's identity";
        let row = database.query_one(&sql, &[]).await;
        let row = row.map_err(|source| database.error(doing, source))?;
        let timeline: String = database.cell(doing, &row, 1)?;
        let timeline = u32::from_str_radix(&timeline, 16);
        let unexpected = |_| RowsError::Unexpected { what: "a WAL file without a timeline".into() };
        let timeline = timeline.map_err(unexpected)?;
        Ok(Self { system: database.cell(doing, &row, 0)?, timeline, generation })
    }

    /// Compares what was recorded with what is there now.
    ///
    /// # Errors
    ///
    /// [`IdentityChange`] names the first difference.
    pub fn compare(&self, now: &Self) -> Result<(), IdentityChange> {
        if self.system != now.system {
            return Err(IdentityChange::System { expected: self.system, found: now.system });
        }
        if self.timeline != now.timeline {
            let (expected, found) = (self.timeline, now.timeline);
            return Err(IdentityChange::Timeline { expected, found });
        }
        if self.generation != now.generation {
            let (expected, found) = (self.generation, now.generation);
            return Err(IdentityChange::Generation { expected, found });
        }
        Ok(())
    }
}

/// The end of a primary's write-ahead log.
pub(super) async fn wal_position(database: &Database) -> Result<Lsn, GuardError> {
    let function = if names_have_wal(database).await? {
        "pg_current_wal_lsn()"
    } else {
        "pg_current_xlog_location()"
    };
    let sql = format!("SELECT {function}::text");
    let text: String = database.value("ask for the position of the log", &sql, &[]).await?;
    let unexpected = |_| RowsError::Unexpected { what: format!("the position {text:?}") };
    Ok(text.parse().map_err(unexpected)?)
}

/// From version 10 on the names of functions have `wal` for `xlog`, and `lsn` for `location`.
async fn names_have_wal(database: &Database) -> Result<bool, GuardError> {
    Ok(server_version(database).await?.has_lsn_names())
}

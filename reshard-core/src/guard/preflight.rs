//! Ways past the guard, and what would keep it from being put up (rules R2 and R10).

use std::fmt;
use std::time::Duration;

use postgres_protocol::escape::escape_identifier;

use super::blockers::{Blocker, WEAK_LOCKS, lasting_holders_of, open_for};
use super::error::GuardError;
use crate::deployment::{Database, DatabaseError};
use crate::region::{Holder, OpenTransaction};
use crate::rows::{LeftAlone, Table, list_tables, server_version};

/// The first version of PostgreSQL that the guard's SQL is for.
const FIRST_VERSION: u32 = 906;
/// The first version with subscriptions.
const WITH_SUBSCRIPTIONS: u32 = 1000;

/// A fact about a database that speaks against a guard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuardFinding {
    /// The server is older than PostgreSQL 9.6.
    #[error("PostgreSQL is of version {major}: the guard needs 906 or later")]
    Version {
        /// Its major version: 902, 1200.
        major: u32,
    },
    /// The language of the guard's functions is not there.
    #[error("the database has no language plpgsql, in which the guard is written")]
    NoLanguage,
    /// A transaction is prepared: its writes may become visible at any time.
    #[error("a transaction is prepared: {0}")]
    PreparedTransaction(OpenTransaction),
    /// Transactions may be prepared.
    #[error("max_prepared_transactions is {most}: it has to be 0, so that no write is prepared")]
    PreparedTransactionsAllowed {
        /// The number of them that may be.
        most: i32,
    },
    /// Sessions of some begin with a setting under which they get past the guard, or can no longer write.
    #[error("{name} is {value} for {scope}")]
    Setting {
        /// `session_replication_role` or `default_transaction_isolation`.
        name: String,
        /// The value.
        value: String,
        /// The sessions that begin with it.
        scope: SettingScope,
    },
    /// A subscription writes rows past the guard.
    #[error("the subscription {name:?} writes rows without firing triggers")]
    Subscription {
        /// Its name.
        name: String,
    },
    /// A bucket with rows of vnodes cannot be guarded.
    #[error("the bucket {0} cannot be guarded")]
    Unguardable(LeftAlone),
    /// No bucket is sharded.
    #[error("no bucket has rows of vnodes")]
    NoTables,
    /// A transaction has been open for long. It keeps what the log had from being removed, and the arm from its end if it has
    /// written something.
    #[error("a transaction is open for long: {0}")]
    LongTransaction(Blocker),
    /// A lock that keeps triggers from being made has been held for long.
    #[error("a sharded bucket is locked: {0}")]
    Locked(Blocker),
}

impl GuardFinding {
    /// Tells whether rows can get past a guard while this is so. The others make it wait.
    pub fn lets_writes_past(&self) -> bool {
        match self {
            Self::Version { .. }
            | Self::NoLanguage
            | Self::PreparedTransaction(_)
            | Self::PreparedTransactionsAllowed { .. }
            | Self::Setting { .. }
            | Self::Subscription { .. }
            | Self::Unguardable(_)
            | Self::NoTables => true,
            Self::LongTransaction(_) | Self::Locked(_) => false,
        }
    }
}

/// The sessions for which a setting is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingScope {
    /// Those of a role, or of all.
    pub role: Option<String>,
    /// Those in a database, or in all.
    pub database: Option<String>,
}

impl SettingScope {
    /// The statement that takes a setting of this scope away.
    pub fn reset(&self, name: &str) -> String {
        let quoted = |name: &Option<String>| name.as_deref().map(escape_identifier);
        match (quoted(&self.role), quoted(&self.database)) {
            (Some(role), Some(database)) => {
                format!("ALTER ROLE {role} IN DATABASE {database} RESET {name}")
            }
            (Some(role), None) => format!("ALTER ROLE {role} RESET {name}"),
            (None, Some(database)) => format!("ALTER DATABASE {database} RESET {name}"),
            (None, None) => {
                format!("ALTER SYSTEM RESET {name}; SELECT pg_reload_conf()")
            }
        }
    }
}

impl fmt::Display for SettingScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.role, &self.database) {
            (Some(role), Some(database)) => {
                write!(f, "the role {role:?} in the database {database:?}")
            }
            (Some(role), None) => write!(f, "the role {role:?}"),
            (None, Some(database)) => write!(f, "the database {database:?}"),
            (None, None) => f.write_str("everybody"),
        }
    }
}

/// Lists everything that speaks against a guard in a database: what [`bypasses`] lists, transactions that have been open for
/// longer than `long`, and those of them that have locked a sharded bucket: every write has for a moment.
///
/// # Errors
///
/// [`GuardError::Database`] and [`GuardError::Rows`]
pub async fn preflight(
    database: &Database,
    long: Duration,
) -> Result<Vec<GuardFinding>, GuardError> {
    let mut findings = bypasses(database).await?;
    let doing = "ask for the language plpgsql";
    let sql = "SELECT EXISTS (SELECT FROM pg_language WHERE lanname = 'plpgsql')";
    if !database.value::<bool>(doing, sql, &[]).await? {
        findings.push(GuardFinding::NoLanguage);
    }
    let tables = list_tables(database).await?;
    let unguardable = tables.left_alone.into_iter().filter(|table| table.is_bucket);
    findings.extend(unguardable.map(GuardFinding::Unguardable));
    if tables.sharded.is_empty() {
        findings.push(GuardFinding::NoTables);
    }
    let old = open_for(database, long).await?;
    findings.extend(old.into_iter().map(GuardFinding::LongTransaction));
    let names: Vec<String> = tables.sharded.iter().map(Table::sql).collect();
    let holders = lasting_holders_of(database, &names, &WEAK_LOCKS, long).await?;
    findings.extend(holders.into_iter().map(GuardFinding::Locked));
    Ok(findings)
}

/// Lists what lets writes past the guard, whatever the tables (rule R2). It is short, and asked again before each fence.
///
/// # Errors
///
/// [`GuardError::Database`] and [`GuardError::Rows`]
pub async fn bypasses(database: &Database) -> Result<Vec<GuardFinding>, GuardError> {
    let major = server_version(database).await?.major();
    let mut findings = Vec::new();
    if major < FIRST_VERSION {
        findings.push(GuardFinding::Version { major });
    }
    findings.extend(prepared(database).await?.into_iter().map(GuardFinding::PreparedTransaction));
    let doing = "ask how many transactions may be prepared";
    let sql = "SELECT current_setting('max_prepared_transactions')::integer";
    let most = database.value(doing, sql, &[]).await?;
    if most > 0 {
        findings.push(GuardFinding::PreparedTransactionsAllowed { most });
    }
    findings.extend(settings(database).await?);
    if major >= WITH_SUBSCRIPTIONS {
        let doing = "list the subscriptions";
        let sql = "SELECT subname::text FROM pg_subscription \
                   WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let rows = database.query(sql, &[]).await;
        for row in &rows.map_err(|source| database.error(doing, source))? {
            findings.push(GuardFinding::Subscription { name: database.cell(doing, row, 0)? });
        }
    }
    Ok(findings)
}

/// The transactions that are prepared, in whatever database.
pub(super) async fn prepared(database: &Database) -> Result<Vec<OpenTransaction>, DatabaseError> {
    let doing = "list the prepared transactions";
    let sql = "SELECT gid, owner::text, extract(epoch FROM clock_timestamp() - prepared)::bigint \
               FROM pg_prepared_xacts ORDER BY prepared";
    let rows = database.query(sql, &[]).await;
    let rows = rows.map_err(|source| database.error(doing, source))?;
    let transaction = |row| {
        let (gid, owner) = (database.cell(doing, row, 0)?, database.cell(doing, row, 1)?);
        let holder = Holder::Prepared { gid, owner };
        Ok(OpenTransaction { holder, seconds: database.cell(doing, row, 2)? })
    };
    rows.iter().map(transaction).collect()
}

/// Settings under which triggers do not fire, or every write of Moray's would be refused. The server's own come first, as our
/// sessions have them.
const SETTINGS: &str = "
    SELECT NULL::text, NULL::text, name, reset_val FROM pg_settings
    UNION ALL
    SELECT rolname::text, datname::text, split_part(setting, '=', 1),
        substr(setting, strpos(setting, '=') + 1)
    FROM pg_db_role_setting CROSS JOIN LATERAL unnest(setconfig) AS setting
    LEFT JOIN pg_roles ON pg_roles.oid = setrole
    LEFT JOIN pg_database ON pg_database.oid = setdatabase
    WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))";

async fn settings(database: &Database) -> Result<Vec<GuardFinding>, DatabaseError> {
    let doing = "list the settings of roles and databases";
    let sql = format!(
        "SELECT * FROM ({SETTINGS}) AS all_of_them (role, database, name, value) \
         WHERE name = 'session_replication_role' AND lower(value) = 'replica' \
         OR name = 'default_transaction_isolation' AND lower(value) <> 'read committed' \
         ORDER BY 3, 1, 2"
    );
    let rows = database.query(&sql, &[]).await;
    let rows = rows.map_err(|source| database.error(doing, source))?;
    let finding = |row| {
        let (role, of) = (database.cell(doing, row, 0)?, database.cell(doing, row, 1)?);
        Ok(GuardFinding::Setting {
            name: database.cell(doing, row, 2)?,
            value: database.cell(doing, row, 3)?,
            scope: SettingScope { role, database: of },
        })
    };
    rows.iter().map(finding).collect()
}

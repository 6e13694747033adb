//! Transactions in whose way the guard does not want to be, and which are in its own.

use std::fmt;
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::moves::MoveNumber;
use super::session::Transaction;
use crate::deployment::{Database, DatabaseError};
use crate::region::{Holder, OpenTransaction};

const DOING: &str = "look who is in the way";

/// A transaction that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// The transaction, and who has it open for how long.
    pub transaction: OpenTransaction,
    /// The statement that it runs, or ran last, at most 200 characters of it; empty for one that is prepared.
    pub query: String,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.transaction)?;
        if self.query.is_empty() { Ok(()) } else { write!(f, ": {}", self.query) }
    }
}

/// All of them in one line.
pub(super) fn listed(blockers: &[Blocker]) -> String {
    if blockers.is_empty() {
        return "nobody any more".to_owned();
    }
    blockers.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The columns of [`Blocker`], of sessions `a` of `pg_stat_activity` and prepared transactions `p`.
const COLUMNS: &str = "a.pid, coalesce(a.usename, '')::text, coalesce(a.application_name, ''), \
    coalesce(host(a.client_addr), ''), coalesce(a.state, ''), \
    coalesce(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared)), 0)::bigint, \
    coalesce(left(a.query, 200), ''), p.gid, p.owner::text";

fn read(rows: &[Row]) -> Result<Vec<Blocker>, tokio_postgres::Error> {
    let blocker = |row: &Row| {
        let holder = match row.try_get::<_, Option<String>>(7)? {
            Some(gid) => Holder::Prepared {
                gid,
                owner: row.try_get::<_, Option<String>>(8)?.unwrap_or_default(),
            },
            None => Holder::Session {
                pid: row.try_get::<_, Option<i32>>(0)?.unwrap_or_default(),
                user: row.try_get(1)?,
                application: row.try_get(2)?,
                client: row.try_get(3)?,
                state: row.try_get(4)?,
            },
        };
        let transaction = OpenTransaction { holder, seconds: row.try_get(5)? };
        Ok(Blocker { transaction, query: row.try_get(6)? })
    };
    rows.iter().map(blocker).collect()
}

/// The beginning of a transaction, of sessions `a` and prepared transactions `p`.
const SINCE: &str = "coalesce(a.xact_start, p.prepared)";

/// SQL for those who hold the locks of `pg_locks` under a condition, of whom another one is true. Who is idle has let go of them
/// since these were read.
fn holders(locks: &str, whom: &str) -> String {
    format!(
        "SELECT {COLUMNS} FROM (SELECT DISTINCT pid, virtualtransaction FROM pg_locks \
         WHERE granted AND pid IS DISTINCT FROM pg_backend_pid() AND ({locks})) AS l \
         LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid \
         LEFT JOIN pg_locks AS o ON l.pid IS NULL AND o.pid IS NULL AND o.locktype = 'transactionid' \
         AND o.granted AND o.virtualtransaction = l.virtualtransaction \
         LEFT JOIN pg_prepared_xacts AS p ON p.transaction = o.transactionid \
         WHERE a.state IS DISTINCT FROM 'idle' AND ({whom}) ORDER BY {SINCE}"
    )
}

/// Those who write rows of a move, or wait for its lock.
pub(super) async fn writers_of(
    transaction: &Transaction<'_>,
    number: MoveNumber,
) -> Result<Vec<Blocker>, DatabaseError> {
    let sql = holders(
        "locktype = 'advisory' AND classid = 1919251304 AND objid = $1::integer::oid AND objsubid = 2 \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        "true",
    );
    ask(transaction, &sql, &[&number.number()]).await
}

/// Locks of tables that do not keep anybody from making a trigger.
pub(super) const WEAK_LOCKS: [&str; 2] = ["AccessShareLock", "RowShareLock"];

/// Those who hold locks of tables, but for harmless modes. The tables are quoted names.
pub(super) async fn holders_of(
    transaction: &Transaction<'_>,
    tables: &[String],
    harmless: &[&str],
) -> Result<Vec<Blocker>, DatabaseError> {
    ask(transaction, &holders(OF_TABLES, "true"), &[&tables, &harmless]).await
}

const OF_TABLES: &str = "locktype = 'relation' AND mode <> ALL ($2::text[]) \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
    AND relation IN (SELECT to_regclass(name)::oid FROM unnest($1::text[]) AS name)";

/// Those who hold locks of tables in transactions that have been open for longer than `age`, asked without a transaction. Every
/// write holds such a lock for a moment.
pub(super) async fn lasting_holders_of(
    database: &Database,
    tables: &[String],
    harmless: &[&str],
    age: Duration,
) -> Result<Vec<Blocker>, DatabaseError> {
    let sql =
        holders(OF_TABLES, &format!("{SINCE} < clock_timestamp() - $3 * interval '1 second'"));
    let rows = database.query(&sql, &[&tables, &harmless, &age.as_secs_f64()]).await;
    rows.and_then(|rows| read(&rows)).map_err(|source| database.error(DOING, source))
}

async fn ask(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Blocker>, DatabaseError> {
    let rows = transaction.query(DOING, sql, parameters).await?;
    read(&rows).map_err(|source| transaction.error(DOING, source))
}

/// SQL for transactions, prepared ones among them, under a condition for the number `x.xid` and the time `x.since`.
fn transactions(condition: &str) -> String {
    format!(
        "SELECT {COLUMNS} FROM (\
         SELECT pid, backend_xid AS xid, xact_start AS since, NULL::text AS gid FROM pg_stat_activity \
         WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid() \
         UNION ALL SELECT NULL, transaction, prepared, gid FROM pg_prepared_xacts) AS x \
         LEFT JOIN pg_stat_activity AS a ON a.pid = x.pid \
         LEFT JOIN pg_prepared_xacts AS p ON p.gid = x.gid WHERE {condition} ORDER BY x.since"
    )
}

/// Those who wrote something before the transaction with a number began, in whatever database of the server.
pub(super) async fn older_than(
    database: &Database,
    transaction: i64,
) -> Result<Vec<Blocker>, DatabaseError> {
    // Transactions are counted in 32 bits here; ages are differences, and so do not wrap around.
    let sql = transactions(
        "x.xid IS NOT NULL AND age(x.xid) > age(($1::bigint % 4294967296)::text::xid)",
    );
    let rows = database.query(&sql, &[&transaction]).await;
    rows.and_then(|rows| read(&rows)).map_err(|source| database.error(DOING, source))
}

/// Transactions that have been open for longer than this.
pub(super) async fn open_for(
    database: &Database,
    age: Duration,
) -> Result<Vec<Blocker>, DatabaseError> {
    let sql = transactions("x.since < clock_timestamp() - $1 * interval '1 second'");
    let rows = database.query(&sql, &[&age.as_secs_f64()]).await;
    rows.and_then(|rows| read(&rows)).map_err(|source| database.error(DOING, source))
}

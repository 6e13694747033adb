//! The log of changes: its size, its bound, and its three tables that are used in turn.

use std::time::Duration;

use super::error::GuardError;
use super::moves::MoveNumber;
use super::session::Session;
use crate::deployment::Database;

/// The number of tables that the log has.
pub(super) const PARTITIONS: i16 = 3;
/// PostgreSQL's code for a lock that is not to be had at once.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// The size of a shard's log, of all its moves together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogSize {
    /// The entries in it.
    pub entries: u64,
    /// The bytes that its tables have on disk, indexes and deleted entries included.
    pub bytes: u64,
}

/// The size that a log may reach before it hurts: the plan holds then, and nobody's write is refused for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBound {
    /// The most entries.
    pub entries: u64,
    /// The most bytes on disk.
    pub bytes: u64,
}

impl LogSize {
    /// Measures the log of a shard.
    ///
    /// # Errors
    ///
    /// [`GuardError::Database`]
    pub async fn measure(database: &Database) -> Result<Self, GuardError> {
        let doing = "measure the log";
        let sql = "SELECT (SELECT count(*) FROM reshard.log), pg_catalog.pg_total_relation_size('reshard.log_0') \
                   + pg_catalog.pg_total_relation_size('reshard.log_1') \
                   + pg_catalog.pg_total_relation_size('reshard.log_2')";
        let row =
            database.query_one(sql, &[]).await.map_err(|error| database.error(doing, error))?;
        let (entries, bytes): (i64, i64) =
            (database.cell(doing, &row, 0)?, database.cell(doing, &row, 1)?);
        Ok(Self { entries: count(entries), bytes: count(bytes) })
    }
}

/// Measures the log of a shard, and refuses one that has grown beyond its bound.
///
/// # Errors
///
/// [`GuardError::LogFull`]; otherwise [`GuardError::Database`].
pub async fn check_log(database: &Database, bound: LogBound) -> Result<LogSize, GuardError> {
    let size = LogSize::measure(database).await?;
    if size.entries <= bound.entries && size.bytes <= bound.bytes {
        return Ok(size);
    }
    Err(GuardError::LogFull { host: database.endpoint().host.clone(), size, bound })
}

/// The part of a log that a move's target does not have yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// The number of entries.
    pub entries: u64,
    /// The age of the oldest, by the source's clock; zero if there is none.
    pub age: Duration,
}

impl Lag {
    /// Counts the entries of a move.
    ///
    /// # Errors
    ///
    /// [`GuardError::Database`]
    pub async fn measure(database: &Database, number: MoveNumber) -> Result<Self, GuardError> {
        let doing = "count the entries of a move";
        let sql = "SELECT count(*), coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - min(log.at)), 0)::float8 \
                   FROM reshard.log WHERE log.move = $1";
        let row = database.query_one(sql, &[&number.number()]).await;
        let row = row.map_err(|error| database.error(doing, error))?;
        let entries = count(database.cell(doing, &row, 0)?);
        Ok(Self { entries, age: seconds(database.cell(doing, &row, 1)?) })
    }
}

/// A number that PostgreSQL has counted.
pub(super) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A time that PostgreSQL has measured. A clock that was set back makes it zero.
pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// The state of a log's tables after [`rotate_log`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The table that is written to, 0 to 2.
    pub writes_to: i16,
    /// The tables that were truncated just now.
    pub emptied: Vec<i16>,
}

/// Empties the tables of the log that were drained, and lets the next one be written to if the present one has this many bytes
/// (rule R6). Deleted entries are in the way of reading as long as an old snapshot might want them; an emptied table has none.
///
/// Nobody waits for this: a table that somebody has locked stays for the next time. A writer that chose the old table just
/// before writes into it all the same, and nothing is lost: a table is emptied only if it is seen to be empty under a lock that
/// no writer shares, and all three are read.
///
/// # Errors
///
/// [`GuardError`]
pub async fn rotate_log(session: &mut Session, at_bytes: u64) -> Result<Rotation, GuardError> {
    let doing = "look at the tables of the log";
    let sql = "SELECT guard.partition, pg_catalog.pg_relation_size('reshard.log_0'), \
               pg_catalog.pg_relation_size('reshard.log_1'), pg_catalog.pg_relation_size('reshard.log_2') \
               FROM reshard.guard";
    let database = session.database();
    let row = database.query_one(sql, &[]).await.map_err(|error| database.error(doing, error))?;
    let mut writes_to: i16 = database.cell(doing, &row, 0)?;
    let mut sizes = Vec::new();
    for column in 1..=3 {
        sizes.push(count(database.cell(doing, &row, column)?));
    }
    let mut emptied = Vec::new();
    for (partition, size) in (0..).zip(&mut sizes) {
        if partition != writes_to && *size > 0 && empty(session, partition).await? {
            emptied.push(partition);
            *size = 0;
        }
    }
    let next = (writes_to + 1) % PARTITIONS;
    let size_of = |partition| sizes.get(usize::try_from(partition).unwrap_or(0)).copied();
    if size_of(writes_to) >= Some(at_bytes.max(1)) && size_of(next) == Some(0) {
        let transaction = session.begin().await?;
        let sql = "UPDATE reshard.guard SET partition = $2 WHERE partition = $1";
        transaction
            .execute("let the next table of the log be written to", sql, &[&writes_to, &next])
            .await?;
        transaction.commit().await?;
        writes_to = next;
    }
    Ok(Rotation { writes_to, emptied })
}

/// Empties a table of the log if it has no entries, and nobody uses it.
async fn empty(session: &mut Session, partition: i16) -> Result<bool, GuardError> {
    let doing = "empty a table of the log";
    let is_drained = format!("SELECT NOT EXISTS (SELECT 1 FROM reshard.log_{partition})");
    if !session.database().value::<bool>(doing, &is_drained, &[]).await? {
        return Ok(false);
    }
    let transaction = session.begin().await?;
    // To lose this in a takeover loses nothing, and the lock is not held while a standby confirms it.
    transaction.batch(doing, "SET LOCAL synchronous_commit = off").await?;
    let lock = format!("LOCK TABLE reshard.log_{partition} IN ACCESS EXCLUSIVE MODE NOWAIT");
    match transaction.batch(doing, &lock).await {
        Ok(()) => {}
        Err(error) if error.code() == Some(LOCK_NOT_AVAILABLE) => {
            transaction.rollback().await?;
            return Ok(false);
        }
        Err(error) => return Err(error.into()),
    }
    // A statement of its own, so that it sees what was committed before the lock was had.
    if !transaction.value::<bool>(doing, &is_drained, &[]).await? {
        transaction.rollback().await?;
        return Ok(false);
    }
    transaction.batch(doing, &format!("TRUNCATE reshard.log_{partition}")).await?;
    transaction.commit().await?;
    Ok(true)
}

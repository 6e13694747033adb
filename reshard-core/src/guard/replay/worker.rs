//! A worker: it replays the entries of some slots, a batch at a time.
//!
//! A batch is four steps: to take the slots at the target and read entries at the source; to put the current rows of their keys;
//! to commit that at the target; to delete the entries at the source. A crash between two of them leaves entries that are replayed again,
//! which changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use manatee_client::PgEndpoint;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::super::buckets::Bucket;
use super::super::closed::check_closed;
use super::super::commit::CommitError;
use super::super::error::GuardError;
use super::super::log::seconds;
use super::super::members::Members;
use super::super::pace::Pace;
use super::super::session::{Lease, Session, Transaction};
use super::super::tuples::{Load, Poured, pour};
use super::sql::{BY_INDEX, FORGETTING, GATES, OfBucket, Statements, Texts, lock_slots};
use crate::deployment::DatabaseError;
use crate::region::Server;

/// Keys by their buckets.
pub type Touched = BTreeMap<String, BTreeSet<String>>;

/// The facts that all workers of a move share.
pub(super) struct Shared {
    pub(super) members: Members,
    pub(super) buckets: BTreeMap<String, Bucket>,
    pub(super) texts: Texts,
}

/// Replays the entries of its slots. A key is always in the same slot, and a slot is replayed by one transaction at a time,
/// whoever begins it: two on one key could end with the older row (rule R7).
pub(in crate::guard) struct Worker {
    pub(super) source: Session,
    target: Session,
    slots: Vec<i32>,
    shared: Arc<Shared>,
    statements: Statements,
    pace: Pace,
    /// True if the last batch was as large as it may be, so that there is more.
    is_behind: bool,
}

/// Entries that were read, and their slots, which nobody else replays as long as this is there.
pub(in crate::guard) struct Open<'a> {
    source: &'a mut Session,
    target: Transaction<'a>,
    shared: &'a Shared,
    statements: &'a Statements,
    entries: Entries,
    since: Instant,
}

/// Entries of one batch.
#[derive(Debug, Default)]
struct Entries {
    /// By the number of the log's table.
    numbers: BTreeMap<i16, Vec<i64>>,
    touched: Touched,
    /// The age of the oldest when it was read.
    age: Duration,
    poured: Poured,
}

/// A batch whose rows the target has for good. Its entries are still at the source.
#[derive(Debug)]
pub(in crate::guard) struct Applied {
    entries: Entries,
    took: Duration,
}

/// A batch that is done.
#[derive(Debug, Default)]
pub(in crate::guard) struct Batch {
    /// The number of entries; zero if there were none.
    pub(in crate::guard) entries: u64,
    pub(in crate::guard) poured: Poured,
    pub(in crate::guard) touched: Touched,
    /// The longest that an entry waited until the target had its row.
    pub(in crate::guard) latency: Duration,
}

impl Worker {
    pub(super) async fn connect(
        lease: Lease,
        [source, target]: [&PgEndpoint; 2],
        shared: Arc<Shared>,
        slots: Vec<i32>,
        batch: u32,
    ) -> Result<Self, GuardError> {
        let (source, target) = (lease.connect(source).await?, lease.connect(target).await?);
        for session in [&source, &target] {
            let database = session.database();
            let set = database.query(BY_INDEX, &[]).await;
            set.map_err(|error| database.error("choose how rows are looked up", error))?;
        }
        let statements =
            Statements::prepare(&source, &target, &shared.buckets, &shared.texts).await?;
        // The first batches are small: nobody knows yet how large the rows are.
        let pace = Pace::new(batch.div_ceil(4), batch);
        Ok(Self { source, target, slots, shared, statements, pace, is_behind: false })
    }

    /// Replays a batch.
    pub(in crate::guard) async fn batch(&mut self) -> Result<Batch, GuardError> {
        let Some(mut open) = self.open().await? else { return Ok(Batch::default()) };
        open.put().await?;
        let applied = open.commit().await?;
        self.pace.took(applied.took);
        self.forget(&applied).await?;
        let Entries { numbers, touched, age, poured } = applied.entries;
        let entries =
            numbers.values().map(|numbers| u64::try_from(numbers.len()).unwrap_or(0)).sum();
        Ok(Batch { entries, poured, touched, latency: age + applied.took })
    }

    /// Reads entries, having taken their slots. `None` if there are none.
    pub(in crate::guard) async fn open(&mut self) -> Result<Option<Open<'_>>, GuardError> {
        let Self { source, target, slots, shared, statements, pace, is_behind } = self;
        let number = shared.members.number().number();
        let (doing, slots) = ("read entries of the log", &*slots);
        // Nothing is begun at the target, where a transaction costs a COMMIT, unless there is something to do.
        if !*is_behind {
            let parameters: [&(dyn ToSql + Sync); 3] = [&number, slots, &1_i64];
            let found = source.database().query(&statements.entries, &parameters).await;
            if found.map_err(|error| source.database().error(doing, error))?.is_empty() {
                return Ok(None);
            }
        }
        let since = Instant::now();
        let target = target.begin().await?;
        target.batch("prepare to put rows", &shared.texts.putting).await?;
        target.query("take the slots of keys", &lock_slots(), &[&number, slots]).await?;
        // Nothing would keep a row that was written there from being replaced by an older one.
        check_closed(&target, shared.members.number()).await?;
        let gates = gates(&target, number).await?;
        // Read now, when nobody else replays these slots: whatever was read before may be replayed by now.
        let limit = pace.limit();
        let database = source.database();
        let rows = if gates.0.is_empty() {
            database.query(&statements.entries, &[&number, slots, &limit]).await
        } else {
            let (buckets, keys) = &gates;
            let parameters: [&(dyn ToSql + Sync); 5] = [&number, slots, &limit, buckets, keys];
            database.query(&statements.entries_copied, &parameters).await
        };
        let rows = rows.map_err(|error| database.error(doing, error))?;
        *is_behind = rows.len() >= usize::try_from(pace.size()).unwrap_or(usize::MAX);
        if rows.is_empty() {
            target.rollback().await?;
            return Ok(None);
        }
        let server = database.server();
        let entries = Entries::of(&rows).map_err(|error| server.error(doing, error))?;
        Ok(Some(Open { source, target, shared, statements, entries, since }))
    }

    /// Deletes the entries of a batch: these, and none that came for the same keys since (rule R5).
    pub(in crate::guard) async fn forget(&mut self, applied: &Applied) -> Result<(), GuardError> {
        let transaction = self.source.begin().await?;
        let doing = "delete replayed entries of the log";
        transaction.batch(doing, FORGETTING).await?;
        for (partition, numbers) in &applied.entries.numbers {
            let index = usize::try_from(*partition).unwrap_or(usize::MAX);
            let Some(statement) = self.statements.forget.get(index) else { continue };
            let deleted = transaction.inner().execute(statement, &[numbers]).await;
            deleted.map_err(|error| transaction.error(doing, error))?;
        }
        Ok(transaction.commit().await?)
    }
}

/// The buckets that are being copied, with the keys up to which they are.
async fn gates(
    target: &Transaction<'_>,
    number: i32,
) -> Result<(Vec<String>, Vec<Option<String>>), GuardError> {
    let doing = "look how far buckets are copied";
    let rows = target.query(doing, GATES, &[&number]).await?;
    let gate = |row| Ok((target.cell(doing, row, 0)?, target.cell(doing, row, 1)?));
    Ok(rows.iter().map(gate).collect::<Result<_, DatabaseError>>()?)
}

impl Entries {
    fn of(rows: &[Row]) -> Result<Self, tokio_postgres::Error> {
        let mut entries = Self::default();
        for row in rows {
            let partition = i16::try_from(row.try_get::<_, i32>(0)?).unwrap_or(i16::MAX);
            entries.numbers.entry(partition).or_default().push(row.try_get(1)?);
            let (bucket, key): (&str, &str) = (row.try_get(2)?, row.try_get(3)?);
            match entries.touched.get_mut(bucket) {
                Some(keys) => keys.insert(key.to_owned()),
                None => {
                    entries.touched.entry(bucket.to_owned()).or_default().insert(key.to_owned())
                }
            };
            entries.age = entries.age.max(seconds(row.try_get(4)?));
        }
        Ok(entries)
    }
}

impl Open<'_> {
    /// Replaces the rows of the touched keys by the current ones of the source, all as they are there at one moment after the
    /// entries were read.
    pub(in crate::guard) async fn put(&mut self) -> Result<(), GuardError> {
        let Self { source, target, shared, statements, entries, .. } = self;
        let server = source.database().server();
        let snapshot = source.begin_snapshot().await?;
        for (name, keys) in &entries.touched {
            let found = (shared.buckets.get(name), statements.buckets.get(name));
            let (Some(bucket), Some(prepared)) = found else {
                return Err(GuardError::UnknownBucket {
                    bucket: name.clone(),
                    host: snapshot.host(),
                });
            };
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let put =
                put_keys(&snapshot, &server, target, &shared.members, (bucket, prepared), &keys);
            let poured = put.await?;
            entries.poured.rows += poured.rows;
            entries.poured.bytes += poured.bytes;
        }
        snapshot.commit().await?;
        Ok(())
    }

    /// The batch as if it were committed, for a test that plants a bug.
    #[cfg(test)]
    pub(in crate::guard) fn as_applied(&self) -> Applied {
        let numbers = self.entries.numbers.clone();
        let entries = Entries { numbers, ..Entries::default() };
        Applied { entries, took: Duration::ZERO }
    }

    /// Commits the rows. If this does not say that it is done, the entries have to stay.
    pub(in crate::guard) async fn commit(self) -> Result<Applied, CommitError> {
        self.target.commit().await?;
        Ok(Applied { entries: self.entries, took: self.since.elapsed() })
    }
}

async fn put_keys(
    snapshot: &Transaction<'_>,
    source: &Server,
    target: &Transaction<'_>,
    members: &Members,
    (bucket, prepared): (&Bucket, &OfBucket),
    keys: &[&str],
) -> Result<Poured, GuardError> {
    let doing = "delete rows before they are put";
    let by_key: Vec<&str> =
        keys.iter().copied().filter(|key| members.own(&bucket.name, key, None)).collect();
    let parameters: [&(dyn ToSql + Sync); 3] = [&keys, &by_key, &members.number().number()];
    let deleted = target.inner().execute(&prepared.delete, &parameters).await;
    deleted.map_err(|error| target.error(doing, error))?;
    let rows = snapshot.inner().query_raw(&prepared.read, [keys]).await;
    let rows = rows.map_err(|error| snapshot.error("read the rows of touched keys", error))?;
    let mut load = Load::into_table(target, &bucket.table, bucket);
    pour(rows, source, &mut load, members).await
}

//! Copying the rows of a move into a shard that has others already.

mod chunk;

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use manatee_client::PgEndpoint;

use self::chunk::Chunk;
use super::buckets::{Bucket, buckets};
use super::closed::check_closed;
use super::error::GuardError;
use super::members::Members;
use super::moves::MoveNumber;
use super::pace::Pace;
use super::replay::{BY_INDEX, all_slots, lock_slots};
use super::session::{Lease, STATEMENT_TIMEOUT, Session};
use super::watch::{Piece, Watch};
use crate::deployment::Database;
use crate::keys::KeyHash;

/// The longest that a chunk may take to be read (rule R11).
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// The number of times in a row that a chunk is given up before it is an error.
const PATIENCE: u32 = 50;
/// The wait before a chunk that was given up is begun again: whoever waited shall be done.
const AFTER_GIVING_UP: Duration = Duration::from_millis(100);

/// The tunables of [`Copy`](struct@Copy).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopyOptions {
    /// The most rows of the source, whether they move or not, that are read in one chunk. Default 20,000. A chunk that takes
    /// more than two seconds makes the next one smaller.
    pub chunk: u32,
    /// The most rows that are copied in a second, on average. No limit by default.
    pub rows_per_second: Option<NonZeroU32>,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self { chunk: 20_000, rows_per_second: None }
    }
}

/// The progress of [`Copy`](struct@Copy).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopyProgress {
    /// The bucket of the last chunk.
    pub bucket: String,
    /// The key up to which the bucket is copied; `None` if all of it is.
    pub up_to: Option<String>,
    /// The rows that were put since this began, of all buckets.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The rows that were not put because the target has rows with their keys. Verifying tells whether they are the same.
    pub skipped: u64,
    /// The chunks that were given up for somebody who waited for the table, or because they took too long, and made again.
    pub given_up: u64,
}

/// Copies the rows of a move into its target, in chunks in the order of the keys (rule R9).
///
/// The place up to which a bucket is copied is kept at the target, and moved in the transaction that puts the rows: another
/// `Copy` goes on from there. [`Replay`](super::Replay) leaves entries alone whose rows are not copied yet. Rows keep all their
/// columns, `_id` included; a row whose key the target has is left out.
///
/// The move has to be armed before: what is written from then on is in the log.
pub struct Copy {
    source: Database,
    target: Session,
    at_source: Watch,
    at_target: Watch,
    members: Members,
    left: VecDeque<Part>,
    options: CopyOptions,
    progress: CopyProgress,
}

/// A bucket that is not copied to its end.
struct Part {
    bucket: Bucket,
    /// The key up to which it is.
    after: Option<String>,
    pace: Pace,
}

impl Copy {
    /// Connects to the primaries of source and target. From now on entries of rows that are not copied yet are not replayed.
    ///
    /// # Errors
    ///
    /// [`GuardError::OtherVnodes`], [`GuardError::OtherHash`] and [`GuardError::Columns`] if the two cannot mean the same rows;
    /// otherwise [`GuardError`].
    pub async fn connect(
        lease: Lease,
        number: MoveNumber,
        hash: &KeyHash,
        source: &PgEndpoint,
        target: &PgEndpoint,
        options: CopyOptions,
    ) -> Result<Self, GuardError> {
        let from = Database::connect(source, READ_TIMEOUT).await?;
        let mut to = lease.connect(target).await?;
        let members = Members::read(&from, number, hash).await?;
        members.compare(
            &from,
            &Members::read(to.database(), number, hash).await?,
            to.database(),
        )?;
        let set = from.query(BY_INDEX, &[]).await;
        set.map_err(|error| from.error("choose how rows are looked up", error))?;
        let buckets = buckets(&from, to.database()).await?;
        let mut left = VecDeque::new();
        for (bucket, after) in register(&mut to, number, buckets.into_values()).await? {
            // The first chunks are small: nobody knows yet how large the rows are.
            let pace = Pace::new(options.chunk.div_ceil(10), options.chunk);
            left.push_back(Part { bucket, after, pace });
        }
        let watch = Database::connect(source, STATEMENT_TIMEOUT).await?;
        let at_source = Watch::over(watch, &[&from]).await?;
        let watch = Database::connect(target, STATEMENT_TIMEOUT).await?;
        let at_target = Watch::over(watch, &[to.database()]).await?;
        let progress = CopyProgress::default();
        Ok(Self {
            source: from,
            target: to,
            at_source,
            at_target,
            members,
            left,
            options,
            progress,
        })
    }

    /// Copies until all is copied, or `stop` is done: then the chunk that is under way is dropped. `on_progress` is told of each
    /// chunk.
    ///
    /// # Errors
    ///
    /// [`GuardError::State`] if the target is open; otherwise [`GuardError`]. What was copied stays.
    pub async fn run(
        &mut self,
        stop: impl Future<Output = ()>,
        on_progress: &(dyn Fn(&CopyProgress) + Send + Sync),
    ) -> Result<CopyProgress, GuardError> {
        let work = async {
            while self.next().await? {
                on_progress(&self.progress);
            }
            Ok(self.progress.clone())
        };
        tokio::select! {
            biased;
            () = stop => Ok(self.progress.clone()),
            done = work => done,
        }
    }

    /// Copies a chunk. False if there was nothing left.
    ///
    /// # Errors
    ///
    /// As those of [`Copy::run`].
    pub async fn next(&mut self) -> Result<bool, GuardError> {
        let Some(part) = self.left.front_mut() else { return Ok(false) };
        let mut given_up = 0;
        let (chunk, took) = loop {
            let begun = Instant::now();
            let chunk = Chunk { source: &self.source, members: &self.members, part: &*part };
            let put = chunk.put(&mut self.target, &self.at_source, &self.at_target).await?;
            if let Piece::Done(put) = put {
                break (put, begun.elapsed());
            }
            given_up += 1;
            if given_up >= PATIENCE {
                let (bucket, host) =
                    (part.bucket.name.clone(), self.source.endpoint().host.clone());
                return Err(GuardError::NoPeace { bucket, host, times: given_up });
            }
            part.pace.was_too_long();
            tokio::time::sleep(AFTER_GIVING_UP).await;
        };
        part.pace.took(took);
        part.after.clone_from(&chunk.up_to);
        let progress = &mut self.progress;
        progress.bucket.clone_from(&part.bucket.name);
        progress.up_to.clone_from(&chunk.up_to);
        progress.rows += chunk.poured.rows - chunk.skipped;
        progress.bytes += chunk.poured.bytes;
        progress.skipped += chunk.skipped;
        progress.given_up += u64::from(given_up);
        if chunk.up_to.is_none() {
            self.left.pop_front();
        }
        if let Some(limit) = self.options.rows_per_second {
            let due = Duration::from_secs(chunk.poured.rows) / limit.get();
            tokio::time::sleep(due.saturating_sub(took)).await;
        }
        Ok(true)
    }
}

/// Notes that these buckets are copied, and tells those that are not done, with the keys up to which they are.
async fn register(
    target: &mut Session,
    number: MoveNumber,
    buckets: impl Iterator<Item = Bucket>,
) -> Result<Vec<(Bucket, Option<String>)>, GuardError> {
    let doing = "note which buckets are copied";
    let transaction = target.begin().await?;
    check_closed(&transaction, number).await?;
    // A batch that is replayed now does not know yet that it has to leave rows alone: it ends first.
    let slots = all_slots();
    transaction.query(doing, &lock_slots(), &[&number.number(), &slots]).await?;
    let mut left = Vec::new();
    for bucket in buckets {
        let sql = "INSERT INTO reshard.copy (move, bucket) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        transaction.execute(doing, sql, &[&number.number(), &bucket.name]).await?;
        let sql = "SELECT copy.last_key FROM reshard.copy \
                   WHERE copy.move = $1 AND copy.bucket = $2 AND NOT copy.is_done";
        let rows = transaction.query(doing, sql, &[&number.number(), &bucket.name]).await?;
        if let Some(row) = rows.first() {
            let after = transaction.cell(doing, row, 0)?;
            left.push((bucket, after));
        }
    }
    transaction.commit().await?;
    Ok(left)
}

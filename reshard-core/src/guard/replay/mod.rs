//! Replaying the log of a source at a target, so that the target follows.

mod progress;
mod sql;
mod worker;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use manatee_client::PgEndpoint;
use tokio::sync::watch;

use self::progress::Counters;
use self::sql::SLOTS;
use self::worker::Shared;
use super::buckets::buckets;
use super::error::GuardError;
use super::log::{Lag, rotate_log};
use super::members::Members;
use super::moves::MoveNumber;
use super::session::Lease;
use crate::keys::KeyHash;

pub use self::progress::ReplayProgress;
pub(super) use self::sql::{BY_INDEX, PUTTING, Texts, lock_slots};
pub use self::worker::Touched;
pub(super) use self::worker::{Batch, Worker};

/// All slots that keys are divided among.
pub(super) fn all_slots() -> Vec<i32> {
    (0..SLOTS).collect()
}

/// The time between two reports, and between two looks at the tables of the log.
const REPORT: Duration = Duration::from_secs(1);
/// The number of times in a row that a row whose place is taken is tried again.
const TRIES: u32 = 100;

/// The tunables of [`Replay`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayOptions {
    /// The workers, 1 to 16, each with a connection to the source and one to the target. Default 2; more help where the
    /// target's standby is far away.
    pub workers: usize,
    /// The most entries that are replayed in one transaction. Default 2000: larger ones hardly save work, and hold locks longer.
    pub batch: u32,
    /// The time between two looks at an empty log. Default 20 ms.
    pub idle: Duration,
    /// The size of a table of the log at which the next one is written to, in bytes. Default 16 MiB.
    pub rotate_at: u64,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self { workers: 2, batch: 2_000, idle: Duration::from_millis(20), rotate_at: 16 << 20 }
    }
}

/// Lets a target follow its source: for each entry of the log, the current row of its key is put there, and the entry deleted.
///
/// Entries of rows that are still being copied wait. A crash at any moment loses nothing and leaves nothing wrong; another
/// `Replay` goes on from what is there.
pub struct Replay {
    workers: Vec<Worker>,
    number: MoveNumber,
    options: ReplayOptions,
}

/// The outcome of [`Replay::drain`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drained {
    /// True if the log had no entry of the move at the end.
    pub is_empty: bool,
    /// The number of entries that were replayed.
    pub entries: u64,
    /// The keys that they were of, by their buckets: the ones to compare once more.
    pub touched: Touched,
    /// The time that it took.
    pub took: Duration,
}

impl Replay {
    /// Connects to the primaries of a move's source and target, at which the move is known.
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
        options: ReplayOptions,
    ) -> Result<Self, GuardError> {
        Self::connect_with(lease, number, hash, [source, target], options, Texts::default()).await
    }

    /// The same, with the texts of its SQL.
    pub(super) async fn connect_with(
        lease: Lease,
        number: MoveNumber,
        hash: &KeyHash,
        [source, target]: [&PgEndpoint; 2],
        options: ReplayOptions,
        texts: Texts,
    ) -> Result<Self, GuardError> {
        let (at_source, at_target) = (lease.connect(source).await?, lease.connect(target).await?);
        let (at_source, at_target) = (at_source.database(), at_target.database());
        let members = Members::read(at_source, number, hash).await?;
        members.compare(at_source, &Members::read(at_target, number, hash).await?, at_target)?;
        let buckets = buckets(at_source, at_target).await?;
        let shared = Arc::new(Shared { members, buckets, texts });
        let slots = all_slots();
        let count = options.workers.clamp(1, slots.len());
        let mut workers = Vec::new();
        for first in 0..count {
            let slots = slots.iter().copied().skip(first).step_by(count).collect();
            let (shared, batch) = (shared.clone(), options.batch);
            workers.push(Worker::connect(lease, [source, target], shared, slots, batch).await?);
        }
        Ok(Self { workers, number, options })
    }

    /// Follows until `stop` is done, and then to the end of the batches that are under way. `on_progress` is told every second.
    ///
    /// # Errors
    ///
    /// [`GuardError`]; what was done stays done.
    pub async fn follow(
        &mut self,
        stop: impl Future<Output = ()>,
        on_progress: &(dyn Fn(ReplayProgress) + Send + Sync),
    ) -> Result<ReplayProgress, GuardError> {
        let (number, options) = (self.number, self.options);
        let counters = Counters::default();
        let (stopper, stopped) = watch::channel(false);
        let tell = async {
            stop.await;
            stopper.send_replace(true);
            Ok(())
        };
        let work = self.workers.iter_mut().enumerate().map(|(index, worker)| {
            let (counters, stopped) = (&counters, stopped.clone());
            // The first one keeps the log in order, and reports.
            let report = (index == 0).then_some(on_progress);
            worker.follow(number, options, counters, stopped, report)
        });
        let work = async { try_join_all(work).await };
        tokio::try_join!(work, tell)?;
        let lag = match self.workers.first() {
            Some(worker) => Lag::measure(worker.source.database(), number).await?,
            None => Lag::default(),
        };
        Ok(counters.report(lag))
    }

    /// Replays until the log has no entry of the move, or the time is over. Where the move is fenced, that is the end of its
    /// log.
    ///
    /// # Errors
    ///
    /// [`GuardError`]
    pub async fn drain(&mut self, within: Duration) -> Result<Drained, GuardError> {
        let since = Instant::now();
        let mut drained =
            Drained { is_empty: false, entries: 0, touched: Touched::new(), took: Duration::ZERO };
        loop {
            let parts = self.workers.iter_mut().map(|worker| worker.drain(since, within));
            for part in try_join_all(parts).await? {
                drained.entries += part.entries;
                for (bucket, keys) in part.touched {
                    drained.touched.entry(bucket).or_default().extend(keys);
                }
            }
            if let Some(worker) = self.workers.first() {
                let lag = Lag::measure(worker.source.database(), self.number).await?;
                drained.is_empty = lag.entries == 0;
            }
            drained.took = since.elapsed();
            if drained.is_empty || drained.took >= within {
                return Ok(drained);
            }
            tokio::time::sleep(self.options.idle.min(within.saturating_sub(drained.took))).await;
        }
    }

    /// The workers, for tests that take their batches apart.
    #[cfg(test)]
    pub(super) fn workers(&mut self) -> &mut [Worker] {
        &mut self.workers
    }
}

impl Worker {
    async fn follow(
        &mut self,
        number: MoveNumber,
        options: ReplayOptions,
        counters: &Counters,
        mut stopped: watch::Receiver<bool>,
        report: Option<&(dyn Fn(ReplayProgress) + Send + Sync)>,
    ) -> Result<(), GuardError> {
        let mut reported = Instant::now();
        while !*stopped.borrow() {
            let entries = self.patient_batch().await?;
            counters.add(&entries);
            if let Some(on_progress) = report.filter(|_| reported.elapsed() >= REPORT) {
                reported = Instant::now();
                rotate_log(&mut self.source, options.rotate_at).await?;
                on_progress(counters.report(Lag::measure(self.source.database(), number).await?));
            }
            if entries.entries == 0 {
                tokio::select! {
                    () = tokio::time::sleep(options.idle) => {}
                    // An error is the end of whoever would tell, and the end.
                    _ = stopped.wait_for(|stopped| *stopped) => {}
                }
            }
        }
        Ok(())
    }

    /// Batches until there is nothing more in its slots, or the time is over.
    async fn drain(&mut self, since: Instant, within: Duration) -> Result<Batch, GuardError> {
        let mut all = Batch::default();
        while since.elapsed() < within {
            let batch = self.patient_batch().await?;
            if batch.entries == 0 {
                break;
            }
            all.entries += batch.entries;
            for (bucket, keys) in batch.touched {
                all.touched.entry(bucket).or_default().extend(keys);
            }
        }
        Ok(all)
    }

    /// A batch; one whose row finds its place taken is made again a few times. A value that has to be unique and went from one
    /// key to another has to be taken away from the first one, whose entry may be another worker's.
    async fn patient_batch(&mut self) -> Result<Batch, GuardError> {
        let mut tries = 0;
        loop {
            match self.batch().await {
                Err(GuardError::Occupied { .. }) if tries < TRIES => tries += 1,
                done => return done,
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

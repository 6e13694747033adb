//! The progress of replaying.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::super::log::Lag;
use super::worker::Batch;

/// The progress of a [`Replay`](super::Replay).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ReplayProgress {
    /// The entries that were replayed since it began.
    pub entries: u64,
    /// The rows that were put; a row that changed several times is put once in a batch.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Entries a second, since the last report.
    pub entries_per_second: f64,
    /// The longest that an entry waited until the target had its row, since the last report.
    pub latency: Duration,
    /// The entries that are left.
    pub lag: Lag,
}

/// The sums of the workers of a replay.
#[derive(Debug)]
pub(super) struct Counters(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    total: ReplayProgress,
    /// The entries since the last report.
    recent: u64,
    reported: Instant,
}

impl Default for Counters {
    fn default() -> Self {
        let counts =
            Counts { total: ReplayProgress::default(), recent: 0, reported: Instant::now() };
        Self(Mutex::new(counts))
    }
}

impl Counters {
    pub(super) fn add(&self, batch: &Batch) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.recent += batch.entries;
        counts.total.entries += batch.entries;
        counts.total.rows += batch.poured.rows;
        counts.total.bytes += batch.poured.bytes;
        counts.total.latency = counts.total.latency.max(batch.latency);
    }

    /// Reports, and begins to count anew what is said of the time since the last report.
    pub(super) fn report(&self, lag: Lag) -> ReplayProgress {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = u32::try_from(counts.recent).unwrap_or(u32::MAX);
        let seconds = counts.reported.elapsed().as_secs_f64();
        let entries_per_second = if seconds > 0.0 { f64::from(recent) / seconds } else { 0.0 };
        let report = ReplayProgress { entries_per_second, lag, ..counts.total };
        counts.total.latency = Duration::ZERO;
        (counts.recent, counts.reported) = (0, Instant::now());
        report
    }
}

//! The clock of a load.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Microseconds since the load began, by a clock that is never set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    began: Instant,
    epoch: u64,
}

impl Clock {
    pub(super) fn start() -> Self {
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        Self { began: Instant::now(), epoch: u64::try_from(epoch).unwrap_or(u64::MAX) }
    }

    /// The time at which it began, in microseconds since 1970.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn began(&self) -> Instant {
        self.began
    }

    pub(super) fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    pub(super) fn at(&self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.began).as_micros();
        u64::try_from(since).unwrap_or(u64::MAX)
    }
}

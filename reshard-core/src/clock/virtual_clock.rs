//! Time that passes when nobody has anything to do.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::time::Instant;

use super::Clock;

/// The time of the tokio runtime. In one whose time is paused (`start_paused`) a wait is over as soon as every task waits, so
/// that hours pass in no time, and in the same way each time.
#[derive(Debug)]
pub struct VirtualClock {
    start: Timestamp,
    began: Instant,
    /// Milliseconds by which somebody has set the wall clock.
    set: AtomicI64,
}

impl VirtualClock {
    /// A clock that shows this time now. To be made in the runtime.
    pub fn starting_at(start: Timestamp) -> Self {
        Self { start, began: Instant::now(), set: AtomicI64::new(0) }
    }

    /// Sets the wall clock, forward or back, which changes nothing for [`Clock::monotonic`].
    pub fn set_by(&self, milliseconds: i64) {
        self.set.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let set = jiff::SignedDuration::from_millis(self.set.load(Ordering::SeqCst));
        let shown = self.start.checked_add(self.began.elapsed());
        shown.and_then(|time| time.checked_add(set)).unwrap_or(self.start)
    }

    fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

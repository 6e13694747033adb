//! Time in tests.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::clock::Clock;

/// Time that passes when a test says so; short sleeps make it pass by themselves.
#[derive(Default)]
pub(super) struct TestClock {
    /// Milliseconds that have passed.
    passed: AtomicU64,
    /// Milliseconds by which somebody has set the wall clock.
    pub(super) set: AtomicI64,
}

impl TestClock {
    pub(super) fn pass(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.passed.fetch_add(millis, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.passed.load(Ordering::SeqCst)).unwrap();
        Timestamp::from_millisecond(passed + self.set.load(Ordering::SeqCst)).unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.passed.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.monotonic() + duration;
        if duration <= Duration::from_secs(10) {
            self.pass(duration);
        }
        while self.monotonic() < until {
            tokio::task::yield_now().await;
        }
    }
}

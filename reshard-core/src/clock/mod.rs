//! The one source of time, so that tests can have their own: the wall clock to show, a clock that nobody sets to compute by.

mod time_span;
#[cfg(feature = "sim")]
mod virtual_clock;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

pub use self::time_span::{Reading, TimeSpan};
#[cfg(feature = "sim")]
pub use self::virtual_clock::VirtualClock;

/// Tells the time and waits.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time now, to be shown. Somebody may set it meanwhile, so nothing is computed from it.
    fn now(&self) -> Timestamp;

    /// A reading of a clock that nobody sets: since some moment in the past, the same for all processes of a machine until it
    /// is started anew.
    fn monotonic(&self) -> Duration;

    /// Returns after this long.
    async fn sleep(&self, duration: Duration);
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        let read = clock_gettime(ClockId::Monotonic);
        let (seconds, nanos) = (u64::try_from(read.tv_sec), u32::try_from(read.tv_nsec));
        Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

impl dyn Clock + '_ {
    /// Waits for something, at most for so long: `None` if it takes longer.
    pub async fn timeout<T>(&self, limit: Duration, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = future => Some(done),
            () = self.sleep(limit) => None,
        }
    }

    /// The time since this clock's [`Clock::monotonic`] had a reading.
    pub fn since(&self, reading: Duration) -> Duration {
        self.monotonic().saturating_sub(reading)
    }
}

/// This machine's name.
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The time since `then` by the wall clock; nothing if it is before, as after a clock was set back.
pub(crate) fn elapsed(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

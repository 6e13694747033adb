//! The limits within which a call is repeated.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// The repetition of calls that are safe to repeat: reads, and writes that have the same effect twice as once.
///
/// Other calls are repeated only where no connection was made, so that nothing can have been sent.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// The pause before the first repetition; the next ones double, each with up to as much again at random. 200 ms.
    pub first_pause: Duration,
    /// The longest pause. 5 s.
    pub longest_pause: Duration,
    /// No repetition is begun later than this after the call began. Zero: there are none. 30 s.
    pub deadline: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(5),
            deadline: Duration::from_secs(30),
        }
    }
}

impl Retry {
    /// Calls are made once.
    pub fn never() -> Self {
        Self { deadline: Duration::ZERO, ..Self::default() }
    }

    pub(crate) fn start(self) -> Pauses {
        let backoff = ExponentialBuilder::new()
            .with_min_delay(self.first_pause)
            .with_max_delay(self.longest_pause)
            .with_factor(2.0)
            .with_jitter()
            .without_max_times()
            .build();
        Pauses {
            backoff,
            end: Instant::now().checked_add(self.deadline),
            longest: self.longest_pause,
        }
    }
}

/// The pauses of one call.
pub(crate) struct Pauses {
    backoff: ExponentialBackoff,
    /// `None`: beyond what the clock can tell.
    end: Option<Instant>,
    longest: Duration,
}

impl Pauses {
    /// The pause before the next try; `None` when there is no time for one.
    pub(crate) fn next(&mut self) -> Option<Duration> {
        let pause = self.backoff.next().unwrap_or(self.longest).min(self.longest);
        let left = self.end.map(|end| end.saturating_duration_since(Instant::now()));
        left.is_none_or(|left| pause < left).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_end_at_the_deadline() {
        let retry = Retry {
            first_pause: Duration::from_millis(10),
            longest_pause: Duration::from_millis(100),
            deadline: Duration::from_hours(1),
        };
        let mut pauses = retry.start();
        let pauses: Vec<_> = (0..20).map(|_| pauses.next().unwrap()).collect();
        assert!(pauses[0] >= retry.first_pause && pauses[0] <= 2 * retry.first_pause);
        assert!(pauses[10..].iter().all(|pause| *pause == retry.longest_pause), "{pauses:?}");
        assert_eq!(Retry::never().start().next(), None);
    }
}

//! The attempts to connect to one server: how long each may take, how long to wait after one, and when to give up. Cueball's, as Moray
//! configures it.

use std::time::Duration;

/// The wait after the first attempt. It doubles after each.
const FIRST_DELAY: Duration = Duration::from_millis(250);
/// The longest wait.
const LONGEST_DELAY: Duration = Duration::from_millis(2500);
/// The longest that an attempt may take; what is configured is for the first, and doubles.
const LONGEST_PATIENCE: Duration = Duration::from_secs(10);
/// So many attempts are made.
const ATTEMPTS: u32 = 10;

/// The attempts that are left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attempts {
    /// `None`: any number.
    left: Option<u32>,
    delay: Duration,
    patience: Duration,
}

impl Attempts {
    /// Those at a server that is thought to be there. `patience`: the longest that the first may take.
    pub(super) fn limited(patience: Duration) -> Self {
        Self { left: Some(ATTEMPTS), delay: FIRST_DELAY, patience }
    }

    /// Those at a server that is thought to be down: it is looked after now and then, for ever.
    pub(super) fn endless() -> Self {
        Self { left: None, delay: LONGEST_DELAY, patience: LONGEST_PATIENCE }
    }

    /// The longest that the next may take.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// The time to wait after one that failed, or after the end of a session. `None`: there are no more.
    pub(super) fn failed(&mut self) -> Option<Duration> {
        let delay = self.delay;
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1).filter(|left| *left > 0)?;
            self.delay = (delay * 2).min(LONGEST_DELAY);
            self.patience = (self.patience * 2).min(LONGEST_PATIENCE);
        }
        Some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_refusals_in_a_row_take_sixteen_seconds() {
        let mut attempts = Attempts::limited(Duration::from_secs(4));
        let mut delays = Vec::new();
        while let Some(delay) = attempts.failed() {
            delays.push(delay);
        }
        assert_eq!(delays.len(), 9);
        assert_eq!(delays.iter().sum::<Duration>(), Duration::from_millis(16_250));
        assert_eq!(attempts.patience(), Duration::from_secs(10));
    }

    #[test]
    fn a_dead_server_is_looked_after_for_ever() {
        let mut attempts = Attempts::endless();
        for _ in 0..100 {
            assert_eq!(attempts.failed(), Some(Duration::from_millis(2500)));
        }
    }
}

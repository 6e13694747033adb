//! The times at which a worker's requests are due.

use std::time::Duration;

use tokio::time::Instant;

/// The due times of one of several workers that share a rate. They do not depend on how long requests take: a request
/// that has to wait for the one before it is late, and its latency counts from when it was due.
#[derive(Debug)]
pub(super) struct Schedule {
    began: Instant,
    interval: Duration,
    phase: Duration,
    next: u32,
    max_lateness: Duration,
}

impl Schedule {
    /// `None` if nothing is ever due.
    pub(super) fn new(
        began: Instant,
        per_second: f64,
        worker: usize,
        workers: usize,
        max_lateness: Duration,
    ) -> Option<Self> {
        let workers = u32::try_from(workers.max(1)).ok()?;
        let share = Duration::try_from_secs_f64(1.0 / per_second).ok()?;
        let phase = share * u32::try_from(worker).ok()?;
        Some(Self { began, interval: share * workers, phase, next: 0, max_lateness })
    }

    /// The time at which the next request is due, and how many before it are left out because they are too late by now.
    pub(super) fn next(&mut self, now: Instant) -> (Instant, u64) {
        let mut left_out = 0;
        let earliest = now.checked_sub(self.max_lateness).unwrap_or(self.began);
        while self.due() < earliest {
            self.next += 1;
            left_out += 1;
        }
        let due = self.due();
        self.next += 1;
        (due, left_out)
    }

    fn due(&self) -> Instant {
        self.began + self.phase + self.interval.saturating_mul(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_times_are_kept_and_what_is_far_too_late_is_left_out() {
        let began = Instant::now();
        let at = |millis| began + Duration::from_millis(millis);
        let mut schedule = Schedule::new(began, 100.0, 1, 4, Duration::from_secs(1)).unwrap();
        assert_eq!(schedule.next(began), (at(10), 0));
        assert_eq!(schedule.next(at(500)), (at(50), 0));
        assert_eq!(schedule.next(at(2000)), (at(1010), 23));
        assert!(Schedule::new(began, 0.0, 0, 1, Duration::ZERO).is_none());
    }
}

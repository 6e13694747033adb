//! Controlled delay: the requests that are given up when all wait too long. Its steps and numbers are those of cueball, the pool of the
//! real Moray.

use std::time::{Duration, Instant};

/// The time for which waits have to be too long before one is given up.
const INTERVAL: Duration = Duration::from_millis(100);
/// A request waits at most so many times the target.
const BOUND: u32 = 10;
/// So many, when it has been long since nobody waited.
const BOUND_UNDER_LOAD: u32 = 3;

/// The memory of the algorithm.
#[derive(Debug)]
pub(super) struct ControlledDelay {
    /// Waits that are shorter are no reason to do anything.
    target: Duration,
    /// The moment from which on long waits have lasted long enough. `None`: the last one was short.
    enough_from: Option<Instant>,
    next: Option<Instant>,
    count: u32,
    dropping: bool,
    last_empty: Option<Instant>,
}

impl ControlledDelay {
    pub(super) fn new(target: Duration) -> Self {
        Self { target, enough_from: None, next: None, count: 0, dropping: false, last_empty: None }
    }

    /// Tells of a request that came at `since`, and whose turn it is, that it is to be given up.
    pub(super) fn is_overloaded(&mut self, since: Instant, now: Instant) -> bool {
        let long_from = self.long_from(since, now);
        if self.dropping {
            // All that come after the first are given up then: cueball leaves `next` where it is.
            self.dropping = long_from.is_some();
            let drops = self.dropping && self.next.is_none_or(|next| now >= next);
            self.count = self.count.saturating_add(u32::from(drops));
            return drops;
        }
        let Some(long_from) = long_from else { return false };
        let again = self.next.is_some_and(|next| now.saturating_duration_since(next) < INTERVAL);
        if !again && now.saturating_duration_since(long_from) < INTERVAL {
            return false;
        }
        self.dropping = true;
        self.count = if again && self.count > 2 { self.count - 2 } else { 1 };
        self.next = Some(now + INTERVAL.div_f64(f64::from(self.count).sqrt()));
        true
    }

    /// The moment since which waits are too long, if they have been so for long enough.
    fn long_from(&mut self, since: Instant, now: Instant) -> Option<Instant> {
        if now.saturating_duration_since(since) < self.target {
            self.enough_from = None;
            return None;
        }
        let from = *self.enough_from.get_or_insert(now + INTERVAL);
        (now >= from).then_some(from)
    }

    /// Notes that a session is free and nobody waits for it.
    pub(super) fn is_empty_now(&mut self, now: Instant) {
        self.last_empty = Some(now);
        self.enough_from = None;
    }

    /// The longest that a request waits that comes now. In a quiet shard it is the shorter time, too: nobody has given a session back
    /// for long.
    pub(super) fn patience(&self, now: Instant) -> Duration {
        let bound = self.target * BOUND;
        let empty = |empty: Instant| now.saturating_duration_since(empty) > bound;
        if self.last_empty.is_some_and(empty) { self.target * BOUND_UNDER_LOAD } else { bound }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(500);

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_short_stop_costs_nothing() {
        let mut delay = ControlledDelay::new(TARGET);
        let begin = Instant::now();
        // All waited for 450 ms.
        for number in 0..100 {
            assert!(!delay.is_overloaded(begin, begin + millis(450) + millis(number) / 100));
        }
    }

    #[test]
    fn a_longer_stop_costs_nothing_if_the_queue_is_gone_at_once() {
        let mut delay = ControlledDelay::new(TARGET);
        let begin = Instant::now();
        for number in 0..100 {
            assert!(!delay.is_overloaded(begin, begin + millis(900 + number)));
        }
        let end = begin + millis(1000);
        delay.is_empty_now(end);
        assert!(!delay.is_overloaded(begin, end + millis(300)), "it begins anew");
    }

    #[test]
    fn who_still_waits_for_long_after_it_is_given_up() {
        let mut delay = ControlledDelay::new(TARGET);
        let begin = Instant::now();
        assert!(!delay.is_overloaded(begin, begin + millis(900)));
        assert!(!delay.is_overloaded(begin, begin + millis(1050)), "for 50 ms only");
        assert!(delay.is_overloaded(begin, begin + millis(1100)));
        assert!(!delay.is_overloaded(begin, begin + millis(1150)), "not yet again");
        assert!(delay.is_overloaded(begin, begin + millis(1210)));
        assert!(delay.is_overloaded(begin, begin + millis(1211)));
        let recent = begin + millis(1000);
        assert!(!delay.is_overloaded(recent, begin + millis(1212)), "it waited for 212 ms");
    }

    #[test]
    fn patience_is_less_when_nobody_was_without_a_wait_for_long() {
        let mut delay = ControlledDelay::new(TARGET);
        let begin = Instant::now();
        assert_eq!(delay.patience(begin), millis(5000), "nothing is known yet");
        delay.is_empty_now(begin);
        assert_eq!(delay.patience(begin + millis(5000)), millis(5000));
        assert_eq!(delay.patience(begin + millis(5001)), millis(1500));
    }
}

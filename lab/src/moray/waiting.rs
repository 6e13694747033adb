//! The requests that wait for a session, in the order in which they came.
//!
//! A request that waits here is nowhere in PostgreSQL yet: it begins its transaction whenever its turn comes. One that has lost patience
//! keeps its place until then, as in cueball.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::codel::ControlledDelay;

/// The reason for which a request that waits gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// It has waited for too long.
    Late,
    /// There is no hope of a session.
    Failed,
}

/// The end of a request's wait.
pub(super) type Turn<T> = oneshot::Receiver<Result<T, GivenUp>>;

/// The queue.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    /// So many may wait. 0: any number.
    longest: usize,
    places: VecDeque<Place<T>>,
    delay: ControlledDelay,
}

#[derive(Debug)]
struct Place<T> {
    since: Instant,
    turn: oneshot::Sender<Result<T, GivenUp>>,
}

impl<T> Waiting<T> {
    /// An empty queue. `target`: waits that are shorter are in order.
    pub(super) fn new(longest: usize, target: Duration) -> Self {
        Self { longest, places: VecDeque::new(), delay: ControlledDelay::new(target) }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.longest > 0 && self.places.len() >= self.longest
    }

    /// Takes a place at the end, and tells how long to wait there.
    pub(super) fn join(&mut self, now: Instant) -> (Turn<T>, Duration) {
        let (turn, wait) = oneshot::channel();
        self.places.push_back(Place { since: now, turn });
        (wait, self.delay.patience(now))
    }

    /// Gives something to the first that is still there. Returned is what nobody waits for.
    pub(super) fn hand(&mut self, mut thing: T, now: Instant) -> Option<T> {
        while let Some(Place { since, turn }) = self.places.pop_front() {
            let late = self.delay.is_overloaded(since, now);
            if turn.is_closed() {
                continue;
            }
            if late {
                // Who has gone meanwhile needs no answer.
                drop(turn.send(Err(GivenUp::Late)));
                continue;
            }
            let Err(unsent) = turn.send(Ok(thing)) else { return None };
            let Ok(back) = unsent else { return None };
            thing = back;
        }
        self.delay.is_empty_now(now);
        Some(thing)
    }

    /// Sends all away.
    pub(super) fn fail(&mut self) {
        for Place { turn, .. } in self.places.drain(..) {
            drop(turn.send(Err(GivenUp::Failed)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(500);

    #[test]
    fn turns_come_in_order_and_so_many_wait() {
        let mut waiting = Waiting::new(2, TARGET);
        let now = Instant::now();
        let (mut first, patience) = waiting.join(now);
        assert_eq!(patience, Duration::from_secs(5));
        assert!(!waiting.is_full());
        let (mut second, _) = waiting.join(now);
        assert!(waiting.is_full());
        assert_eq!(waiting.hand('a', now), None);
        assert_eq!(first.try_recv().unwrap(), Ok('a'));
        assert!(second.try_recv().is_err());
        assert_eq!(waiting.hand('b', now), None);
        assert_eq!(second.try_recv().unwrap(), Ok('b'));
        assert_eq!(waiting.hand('c', now), Some('c'));
    }

    #[test]
    fn who_has_gone_keeps_the_place_and_gets_nothing() {
        let mut waiting = Waiting::new(2, TARGET);
        let now = Instant::now();
        drop(waiting.join(now));
        let (mut second, _) = waiting.join(now);
        assert!(waiting.is_full());
        assert_eq!(waiting.hand('a', now), None);
        assert_eq!((second.try_recv().unwrap(), waiting.len()), (Ok('a'), 0));
    }

    #[test]
    fn late_ones_and_all_are_sent_away() {
        let mut waiting = Waiting::new(0, TARGET);
        let now = Instant::now();
        let turns: Vec<_> = (0..3).map(|_| waiting.join(now).0).collect();
        let answers = |turns: Vec<Turn<char>>| {
            turns.into_iter().map(|mut turn| turn.try_recv().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(waiting.hand('a', now + TARGET), None);
        // 200 ms later waits are still too long.
        assert_eq!(waiting.hand('b', now + TARGET + TARGET / 2), None);
        assert_eq!(answers(turns), [Ok('a'), Err(GivenUp::Late), Ok('b')]);
        let turns = vec![waiting.join(now).0];
        waiting.fail();
        assert_eq!(answers(turns), [Err(GivenUp::Failed)]);
    }
}

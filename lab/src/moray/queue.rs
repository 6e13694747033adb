//! The queue of requests that wait for a session, as the pool of the real Moray keeps it.
//!
//! A request that waits here is nowhere in PostgreSQL yet: it begins its transaction whenever its turn comes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests that wait at most: Moray's `maxQueueLength`.
const LONGEST: usize = 2000;
/// The longest that a request waits: ten times Moray's `targetClaimDelay`, which is 500 ms.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest that it waits when the queue has not been empty for as long as [`PATIENCE`]: three times that.
const PATIENCE_UNDER_LOAD: Duration = Duration::from_millis(1500);

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    sessions: Arc<Semaphore>,
    waiting: AtomicUsize,
    last_empty: Mutex<Instant>,
}

impl Queue {
    /// A queue for so many sessions.
    pub(super) fn new(sessions: usize) -> Self {
        Self {
            sessions: Arc::new(Semaphore::new(sessions)),
            waiting: AtomicUsize::new(0),
            last_empty: Mutex::new(Instant::now()),
        }
    }

    /// Takes a place at the end. `None` if too many wait already.
    pub(super) fn enter(&self) -> Option<Place<'_>> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Place(self);
        if before == 0 {
            self.is_empty_now();
        }
        (before < LONGEST).then_some(place)
    }

    fn is_empty_now(&self) {
        *self.last_empty.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// A request's place in the queue, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a>(&'a Queue);

impl Place<'_> {
    /// The longest that the request may wait from now on.
    pub(super) fn patience(&self) -> Duration {
        let last_empty = *self.0.last_empty.lock().unwrap_or_else(PoisonError::into_inner);
        patience(last_empty.elapsed())
    }

    /// The right to one session, in the order in which requests came. `None` when the queue is closed.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.sessions).acquire_owned().await.ok()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.0.waiting.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.is_empty_now();
        }
    }
}

fn patience(since_empty: Duration) -> Duration {
    if since_empty > PATIENCE { PATIENCE_UNDER_LOAD } else { PATIENCE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_come_in_order_and_so_many_wait() {
        let queue = Queue::new(1);
        let first = queue.enter().unwrap();
        let turn = first.turn().await.unwrap();
        drop(first);
        let places: Vec<_> = (0..LONGEST).map(|_| queue.enter().unwrap()).collect();
        assert!(queue.enter().is_none(), "one more than may wait");
        let mut second = Box::pin(places[0].turn());
        let mut third = Box::pin(places[1].turn());
        assert!(futures_util::poll!(&mut second).is_pending());
        assert!(futures_util::poll!(&mut third).is_pending());
        drop(turn);
        let turn = second.await.unwrap();
        assert!(futures_util::poll!(&mut third).is_pending());
        drop(turn);
        drop(third.await.unwrap());
    }

    #[test]
    fn a_queue_that_is_never_empty_has_less_patience() {
        assert_eq!(patience(Duration::ZERO), Duration::from_secs(5));
        assert_eq!(patience(Duration::from_secs(6)), Duration::from_millis(1500));
    }
}

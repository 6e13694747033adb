//! The state that the workers of a load share.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use moray_client::{Client, ClientOptions};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::LoadOptions;
use super::balancer::Balancer;
use super::clock::Clock;
use super::keys::Keys;
use super::log::{LogWriter, WriteId};
use super::possible::Possible;
use super::stats::Counters;

/// Of how many writes the readers know that they are new.
const RECENT: usize = 64;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: LoadOptions,
    pub(super) run: u32,
    pub(super) keys: Keys,
    pub(super) clock: Clock,
    pub(super) log: LogWriter,
    /// The states that each object of the bucket `manta` can be in.
    objects: Vec<Mutex<Possible>>,
    counters: Mutex<Counters>,
    next_write: AtomicU64,
    next_attempt: AtomicU64,
    recent: [AtomicUsize; RECENT],
    recent_next: AtomicUsize,
    /// True once all is to stop.
    pub(super) stopping: watch::Sender<bool>,
    /// The error that keeps the log from being written. Then nothing more is done.
    pub(super) log_error: OnceLock<io::Error>,
}

impl Shared {
    pub(super) fn new(
        options: LoadOptions,
        run: u32,
        keys: Keys,
        clock: Clock,
        log: LogWriter,
        objects: Vec<Possible>,
    ) -> Self {
        Self {
            options,
            run,
            keys,
            clock,
            log,
            objects: objects.into_iter().map(Mutex::new).collect(),
            counters: Mutex::default(),
            next_write: AtomicU64::new(1),
            next_attempt: AtomicU64::new(1),
            recent: [const { AtomicUsize::new(0) }; RECENT],
            recent_next: AtomicUsize::new(0),
            stopping: watch::Sender::new(false),
            log_error: OnceLock::new(),
        }
    }

    /// Does something with what an object can be. `None` if there is no such object.
    pub(super) fn object<T>(
        &self,
        index: usize,
        act: impl FnOnce(&mut Possible) -> T,
    ) -> Option<T> {
        Some(act(&mut lock(self.objects.get(index)?)))
    }

    pub(super) fn counters(&self) -> MutexGuard<'_, Counters> {
        lock(&self.counters)
    }

    pub(super) fn new_write(&self) -> WriteId {
        WriteId { run: self.run, number: self.next_write.fetch_add(1, Ordering::Relaxed) }
    }

    pub(super) fn new_attempt(&self) -> u64 {
        self.next_attempt.fetch_add(1, Ordering::Relaxed)
    }

    /// The object was just written.
    pub(super) fn is_recent(&self, index: usize) {
        let place = self.recent_next.fetch_add(1, Ordering::Relaxed) % RECENT;
        if let Some(place) = self.recent.get(place) {
            place.store(index, Ordering::Relaxed);
        }
    }

    /// An object to read: now and then one that was just written.
    pub(super) fn choose_read(&self, random: &mut fastrand::Rng) -> usize {
        if random.bool()
            && let Some(place) = self.recent.get(random.usize(..RECENT))
        {
            return place.load(Ordering::Relaxed);
        }
        random.usize(..self.keys.count())
    }

    /// Notes that the log cannot be written, and stops everything: what is not in the log must not be done.
    pub(super) fn check_log(&self, result: io::Result<()>) -> bool {
        match result {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, log = %self.options.log.display(), "stopping: cannot write the log");
                drop(self.log_error.set(error));
                self.stopping.send_replace(true);
                false
            }
        }
    }

    /// All routers, for one worker: it begins with one of them, and has connections of its own.
    pub(super) fn routers(&self, worker: usize) -> Balancer {
        let LoadOptions { addresses, request_timeout, connect_timeout, .. } = &self.options;
        let options = ClientOptions {
            connections: std::num::NonZeroUsize::MIN,
            request_timeout: *request_timeout,
            connect_timeout: *connect_timeout,
            // Another router is taken then.
            connect_patience: std::time::Duration::ZERO,
            backoff_max: std::time::Duration::from_millis(500),
            ..ClientOptions::default()
        };
        let count = addresses.len().max(1);
        let in_turn = addresses.iter().cycle().skip(worker % count).take(addresses.len());
        let clients = in_turn.map(|address| Client::new(address.to_string(), options.clone()));
        Balancer::new(clients.collect(), *request_timeout)
    }

    /// Waits until then. False if the load stops before.
    pub(super) async fn wait(&self, stopping: &mut watch::Receiver<bool>, due: Instant) -> bool {
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => false,
            () = sleep_until(due) => true,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds a lock can panic half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

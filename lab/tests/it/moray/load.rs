//! Clients that put one object after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moray_client::Client;
use tokio::task::JoinSet;

use super::switch::put;

/// The clients.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    clients: JoinSet<Duration>,
}

impl Load {
    /// Starts so many, whose keys begin so.
    pub(super) fn start(client: &Client, count: usize, beginning: &'static str) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut clients = JoinSet::new();
        for number in 0..count {
            let (client, stop, done) = (client.clone(), Arc::clone(&stop), Arc::clone(&done));
            clients.spawn(async move {
                let mut longest = Duration::ZERO;
                while !stop.load(Ordering::Relaxed) {
                    let (asked, key) = (Instant::now(), format!("{beginning}/{number}"));
                    put(&client, &key, 41).await.unwrap_or_else(|error| {
                        panic!("after {:?}: {}", asked.elapsed(), error.with_causes())
                    });
                    longest = longest.max(asked.elapsed());
                    done.fetch_add(1, Ordering::Relaxed);
                }
                longest
            });
        }
        Self { stop, done, clients }
    }

    /// The number of requests that were answered.
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Ends it. None of its requests may have failed. Returns the time that the longest took.
    pub(super) async fn stop(self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.join_all().await.into_iter().max().unwrap()
    }
}

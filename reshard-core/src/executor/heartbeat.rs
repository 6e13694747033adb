//! Saying every two seconds that the executor is alive.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::journal::{HEARTBEAT, Journal, JournalError};

/// Says that the executor which claimed the store is alive, and that it leaves: with [`Heartbeat::leave`], or a moment after this
/// is dropped.
pub(super) struct Heartbeat {
    store: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    task: JoinHandle<()>,
    has_left: bool,
}

impl Heartbeat {
    pub(super) fn start(store: Arc<dyn Journal>, clock: Arc<dyn Clock>) -> Self {
        let task = tokio::spawn(beat(store.clone(), clock.clone()));
        Self { store, clock, task, has_left: false }
    }

    /// Says that the executor leaves.
    pub(super) async fn leave(mut self) {
        self.has_left = true;
        self.task.abort();
        say_that_it_left(&*self.store, &*self.clock).await;
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.task.abort();
        if self.has_left {
            return;
        }
        // Whoever executes was ended in the middle of it.
        if let Ok(runtime) = Handle::try_current() {
            let (store, clock) = (self.store.clone(), self.clock.clone());
            runtime.spawn(async move { say_that_it_left(&*store, &*clock).await });
        }
    }
}

async fn say_that_it_left(store: &dyn Journal, clock: &dyn Clock) {
    if let Err(error) = store.beat(clock.now(), true).await {
        tracing::warn!(%error, "the plan file does not tell that its executor has left");
    }
}

/// A heartbeat that is missed does no harm: it is only a sign to those who look.
async fn beat(store: Arc<dyn Journal>, clock: Arc<dyn Clock>) {
    let mut missed = 0_u64;
    loop {
        clock.sleep(HEARTBEAT).await;
        match store.beat(clock.now(), false).await {
            Ok(()) => {}
            Err(JournalError::Overtaken { .. }) => return,
            Err(error) => {
                missed += 1;
                tracing::debug!(%error, missed, "a heartbeat was not written");
            }
        }
    }
}

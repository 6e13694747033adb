//! Saying every two seconds that the executor is alive.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::journal::{HEARTBEAT, Store, StoreError};

/// Says that the executor which claimed the store is alive, and that it leaves when this is dropped.
pub(super) struct Heartbeat {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    task: JoinHandle<()>,
}

impl Heartbeat {
    pub(super) fn start(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let task = tokio::spawn(beat(store.clone(), clock.clone()));
        Self { store, clock, task }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.task.abort();
        if let Err(error) = self.store.beat(self.clock.now(), true) {
            tracing::warn!(%error, "the plan file does not tell that its executor has left");
        }
    }
}

/// A heartbeat that is missed does no harm: it is only a sign to those who look.
async fn beat(store: Arc<dyn Store>, clock: Arc<dyn Clock>) {
    let mut missed = 0_u64;
    loop {
        clock.sleep(HEARTBEAT).await;
        let (store, now) = (store.clone(), clock.now());
        let written =
            tokio::task::spawn_blocking(move || store.beat(now, false)).await;
        match written {
            Ok(Ok(())) => {}
            Ok(Err(StoreError::Overtaken { .. })) | Err(_) => return,
            Ok(Err(error)) => {
                missed += 1;
                tracing::debug!(%error, missed, "a heartbeat was not written");
            }
        }
    }
}

//! Saying every two seconds that the executor is alive.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::clock::{Clock, SystemClock};
use crate::journal::{HEARTBEAT, Store, StoreError};

/// Says that the executor which claimed the store is alive, and that it leaves when this is dropped.
///
/// Other processes compare it with the machine's time, so it goes by that and not by the executor's clock.
pub(super) struct Heartbeat {
    store: Arc<dyn Store>,
    task: JoinHandle<()>,
}

impl Heartbeat {
    pub(super) fn start(store: Arc<dyn Store>) -> Self {
        let task = tokio::spawn(beat(store.clone()));
        Self { store, task }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.task.abort();
        if let Err(error) = self.store.beat(SystemClock.now(), true) {
            tracing::warn!(%error, "the plan file does not tell that its executor has left");
        }
    }
}

/// A heartbeat that is missed does no harm: it is only a sign to those who look.
async fn beat(store: Arc<dyn Store>) {
    let mut missed = 0_u64;
    loop {
        SystemClock.sleep(HEARTBEAT).await;
        let store = store.clone();
        let written =
            tokio::task::spawn_blocking(move || store.beat(SystemClock.now(), false)).await;
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

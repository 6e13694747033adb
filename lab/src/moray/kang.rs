//! The requests that Moray is at, and `GET /kang/snapshot`, which tells them: as node-fast's server and node-kang have it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use moray_client::Request;
use serde_json::{Value, json};
use uuid::Uuid;

/// The path of the snapshot.
pub(super) const SNAPSHOT: &str = "/kang/snapshot";

/// The requests that have come in and are not over, whether or not their clients are still there.
#[derive(Debug, Default)]
pub(super) struct Requests {
    pending: Mutex<BTreeMap<String, Value>>,
    started: AtomicU64,
}

/// A request that is not over until this goes.
pub(super) struct Pending {
    requests: Arc<Requests>,
    id: String,
}

impl Requests {
    /// Notes a request.
    pub(super) fn begin(self: &Arc<Self>, request: &Request) -> Pending {
        // Numbers of requests are those of their connections; what was started before tells them apart.
        let started = self.started.fetch_add(1, Ordering::Relaxed);
        let (connection, message) = (format!("{}-{started}", request.peer), request.id.to_string());
        let id = format!("{connection}/{message}");
        let told = json!({
            "connid": connection,
            "msgid": message,
            "rpcmethod": request.method,
            "rpcargs": request.args,
            "state": "RUNNING",
            "error": null,
            "blackholed": false,
            "timeStarted": Timestamp::now().to_string(),
        });
        self.pending().insert(id.clone(), told);
        Pending { requests: Arc::clone(self), id }
    }

    fn pending(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The snapshot of this process of a zone.
    pub(super) fn snapshot(&self, zone: Uuid) -> String {
        let pending = self.pending().clone();
        let started = self.started.load(Ordering::Relaxed);
        let completed = started.saturating_sub(u64::try_from(pending.len()).unwrap_or(0));
        json!({
            "service": {"name": "moray", "ident": format!("{zone}/{}", std::process::id()), "version": "1.0.0"},
            "stats": {"nRequestsStarted": started, "nRequestsCompleted": completed},
            "types": ["fastconnection", "fastrequest"],
            "fastconnection": {},
            "fastrequest": pending,
        })
        .to_string()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.requests.pending().remove(&self.id);
    }
}

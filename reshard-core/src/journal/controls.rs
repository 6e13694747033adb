//! What the operator wants of a plan that runs.

use serde::{Deserialize, Serialize};

/// What the operator wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Controls {
    /// Stop at the next point where that is safe.
    pub pause: bool,
    /// Stop before this phase.
    pub pause_before: Option<String>,
    /// Take everything back.
    pub abort: bool,
    /// Live settings.
    pub knobs: Knobs,
}

/// Settings that may be changed while a plan runs (`reshard tune`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// How many routers' zones are changed at the same time.
    pub router_concurrency: u32,
    /// Ghost rows deleted in one transaction.
    pub delete_batch: u32,
    /// The pause between two such transactions, in milliseconds.
    pub delete_pause_ms: u64,
    /// Deleting waits while the sync is further behind than this, in bytes.
    pub delete_max_lag_bytes: u64,
    /// How long a passing trouble is tried again outside the write block, in seconds, before the plan holds.
    pub patience_seconds: u64,
    /// How long to wait for what others have to finish (restores, replication, dumps), in seconds, before the plan holds.
    pub wait_seconds: u64,
    /// How long writes may be refused, in seconds; absent for the plan's own budget.
    pub budget_seconds: Option<u64>,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            router_concurrency: 8,
            delete_batch: 500,
            delete_pause_ms: 20,
            delete_max_lag_bytes: 16 << 20,
            patience_seconds: 120,
            wait_seconds: 24 * 3600,
            budget_seconds: None,
        }
    }
}

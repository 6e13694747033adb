//! The costs of single steps: guessed, or as observed when an earlier plan was carried out.

use serde::{Deserialize, Serialize};

/// The zones of electric-moray that are changed at the same time unless somebody says otherwise.
pub(crate) const ROUTER_CONCURRENCY: u32 = 8;

/// The times of single steps, in seconds, and how fast bytes and rows go. The defaults are guesses, on the slow side of what was
/// measured; [`Costs::observed`] has those of a plan that was carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Costs {
    /// Stopping an electric-moray process, exchanging its ring, starting it, and seeing that it runs.
    pub router_flip: f64,
    /// Zones of electric-moray that are changed at the same time.
    pub router_concurrency: u32,
    /// Restarting a zone's config-agent and seeing the new configuration.
    pub router_configuration: f64,
    /// A change in SAPI.
    pub sapi_change: f64,
    /// Stopping the sitters of the new peers, giving them their new shard, and starting them until its primary takes writes
    /// and its Moray answers; all new shards at once.
    pub shard_start: f64,
    /// A guarded cutover, from the moment at which requests wait.
    pub cutover: f64,
    /// Replaying what was written last.
    pub drain: f64,
    /// Making a zone.
    pub provision: f64,
    /// Bytes per second of all restores together.
    pub restore_bytes: f64,
    /// Fetching and unpacking a ring image in a router's zone.
    pub ring_stage: f64,
    /// Building, checking, packing and importing both rings, for a million vnodes.
    pub ring_build: f64,
    /// Ghost rows deleted per second.
    pub delete_rows: f64,
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            router_flip: 3.0,
            router_concurrency: ROUTER_CONCURRENCY,
            router_configuration: 3.0,
            sapi_change: 0.5,
            shard_start: 27.0,
            cutover: 0.2,
            drain: 2.0,
            provision: 90.0,
            restore_bytes: 60e6,
            ring_stage: 10.0,
            ring_build: 30.0,
            delete_rows: 2000.0,
        }
    }
}

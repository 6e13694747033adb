//! What a plan will cost.

use std::collections::BTreeMap;

use sapi_client::ServerUuid;
use serde::{Deserialize, Serialize};

use super::{Prediction, Request, Target};
use crate::inventory::Inventory;

/// What single steps take, in seconds, and how fast bytes and rows go. The defaults are on the slow side of what was
/// measured; give your own where you know better.
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
    /// Stopping the sitters of the new peers, all at once.
    pub sitter_stop: f64,
    /// Giving them their new shard and seeing it in their configuration, all at once.
    pub sitter_configuration: f64,
    /// Starting them until the new primary takes writes and its Moray answers.
    pub shard_start: f64,
    /// Replaying what was written last.
    pub drain: f64,
    /// Making a zone.
    pub provision: f64,
    /// Bytes per second of a restore; peers of a chain are restored at the same time from the primary.
    pub restore_bytes: f64,
    /// Fetching and unpacking a ring image in a router's zone.
    pub ring_stage: f64,
    /// Building, checking, packing and importing both rings, for a million vnodes.
    pub ring_build: f64,
    /// Ghost rows deleted per second at one shard.
    pub delete_rows: f64,
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            router_flip: 3.0,
            router_concurrency: 8,
            router_configuration: 3.0,
            sapi_change: 0.5,
            sitter_stop: 8.0,
            sitter_configuration: 4.0,
            shard_start: 15.0,
            drain: 2.0,
            provision: 90.0,
            restore_bytes: 60e6,
            ring_stage: 10.0,
            ring_build: 30.0,
            delete_rows: 2000.0,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "predictions are not that precise")]
pub(super) fn predict(
    request: &Request,
    inventory: &Inventory,
    targets: &[Target],
    costs: &Costs,
) -> Prediction {
    let zones = inventory.routers.len();
    let rounds = zones.div_ceil(costs.router_concurrency.max(1) as usize) as f64;
    let instances =
        inventory.routers.iter().map(|router| router.instances.len()).max().unwrap_or(0) as f64;
    let flips = rounds * instances * costs.router_flip;
    let split = costs.sitter_stop + costs.sitter_configuration + costs.shard_start;
    let write_block_parts = parts(&[
        ("the read-only ring on every electric-moray", flips),
        ("replaying the last writes", costs.drain),
        ("the new shards start", split),
        (
            "the new shards in SAPI and in every electric-moray's configuration",
            costs.sapi_change + rounds * costs.router_configuration,
        ),
        ("the new ring in SAPI", costs.sapi_change),
        ("the new ring on every electric-moray, read-only", flips),
        ("the new ring on every electric-moray", flips),
    ]);
    let write_block_seconds = sum(&write_block_parts);
    let peers: usize = targets.iter().map(|target| target.peers.len()).sum();
    let morays: usize = targets.iter().map(|target| target.morays.len()).sum();
    let database = inventory.source.database_bytes as f64;
    let ghost_rows = ghost_rows(request, inventory, targets);
    let ring_build = costs.ring_build * f64::from(inventory.ring.vnode_count) / 1e6;
    let total_parts = parts(&[
        ("making the peers", peers as f64 * costs.provision),
        ("restoring the peers", peers as f64 * database / costs.restore_bytes),
        ("making the Moray zones", morays as f64 * costs.provision),
        ("building the rings", ring_build.max(2.0)),
        ("staging the rings", rounds * 2.0 * costs.ring_stage),
        ("the write block", write_block_seconds),
        (
            "deleting the rows that are left over",
            ghost_rows.unwrap_or(0) as f64 / costs.delete_rows,
        ),
    ]);
    Prediction {
        write_block_seconds,
        write_block_parts,
        total_seconds: sum(&total_parts),
        total_parts,
        disk: disk(inventory, targets),
        ghost_rows,
    }
}

fn parts(parts: &[(&str, f64)]) -> Vec<(String, f64)> {
    parts.iter().map(|(what, seconds)| ((*what).to_owned(), *seconds)).collect()
}

fn sum(parts: &[(String, f64)]) -> f64 {
    parts.iter().map(|(_, seconds)| seconds).sum()
}

/// Every peer is a copy of the whole database, and a tenth more for what is written meanwhile.
fn disk(inventory: &Inventory, targets: &[Target]) -> Vec<(ServerUuid, u64)> {
    let each = inventory.source.database_bytes.saturating_add(inventory.source.database_bytes / 10);
    let mut needed: BTreeMap<ServerUuid, u64> = BTreeMap::new();
    for peer in targets.iter().flat_map(|target| &target.peers) {
        let sum = needed.entry(peer.server).or_default();
        *sum = sum.saturating_add(each);
    }
    needed.into_iter().collect()
}

/// At the source the rows that moved, at each new shard all others.
fn ghost_rows(_request: &Request, inventory: &Inventory, targets: &[Target]) -> Option<u64> {
    let measurement = inventory.measurement.as_ref()?;
    let mut ghosts = 0;
    for counted in measurement.tables.iter().flat_map(|table| &table.vnodes) {
        let owners = targets.iter().filter(|target| target.vnodes.contains(counted.vnode)).count();
        ghosts += counted.rows * (owners + targets.len() - owners) as u64;
    }
    Some(ghosts)
}

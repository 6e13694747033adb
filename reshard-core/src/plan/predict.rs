//! The predicted cost of a plan.

use std::collections::BTreeMap;

use sapi_client::ServerUuid;

use super::parts::{
    BLOCK, BUILD, CUTOVER, DELETE, DRAIN, HAND_OVER, INSTALL, LIST, MORAYS, PEERS, PUBLISH,
    READ_ONLY, RESTORE, ROUTE, STAGE, START,
};
use super::{Costs, Mode, Prediction, Target};
use crate::inventory::{Inventory, ShardFacts};

#[expect(clippy::cast_precision_loss, reason = "predictions are not that precise")]
pub(crate) fn predict(
    mode: Mode,
    inventory: &Inventory,
    source: &ShardFacts,
    targets: &[Target],
    costs: &Costs,
) -> Prediction {
    let rounds = router_rounds(inventory, costs.router_concurrency) as f64;
    let flips = rounds * longest_zone(inventory) as f64 * costs.router_flip;
    let list = costs.sapi_change + rounds * costs.router_configuration;
    let write_block_parts = match mode {
        Mode::Rfd103 => parts(&[
            (READ_ONLY, flips),
            (DRAIN, costs.drain),
            (START, costs.shard_start),
            (LIST, list),
            (HAND_OVER, flips),
            (PUBLISH, costs.sapi_change),
            (INSTALL, flips),
        ]),
        Mode::Guarded => parts(&[(CUTOVER, targets.len() as f64 * costs.cutover)]),
    };
    let write_block_seconds = sum(&write_block_parts);
    let peers: usize = targets.iter().map(|target| target.peers.len()).sum();
    let morays: usize = targets.iter().map(|target| target.morays.len()).sum();
    let database = source.database_bytes as f64;
    let ghost_rows = ghost_rows(inventory, targets);
    let ring_build = costs.ring_build * f64::from(inventory.ring.vnode_count) / 1e6;
    let (before, turn) = match mode {
        Mode::Rfd103 => (parts(&[]), BLOCK),
        Mode::Guarded => {
            (parts(&[(START, costs.shard_start), (LIST, list), (ROUTE, flips)]), CUTOVER)
        }
    };
    let mut total_parts = parts(&[
        (PEERS, peers as f64 * costs.provision),
        (RESTORE, peers as f64 * database / costs.restore_bytes),
        (MORAYS, morays as f64 * costs.provision),
        (BUILD, ring_build.max(2.0)),
        (STAGE, rounds * 2.0 * costs.ring_stage),
        (turn, write_block_seconds),
        (DELETE, ghost_rows.unwrap_or(0) as f64 / costs.delete_rows),
    ]);
    let block = total_parts.len().saturating_sub(2);
    total_parts.splice(block..block, before);
    Prediction {
        write_block_seconds,
        write_block_parts,
        router_round_seconds: Some(if mode == Mode::Rfd103 { flips } else { 0.0 }),
        total_seconds: sum(&total_parts),
        total_parts,
        disk: disk(source, targets),
        ghost_rows,
    }
}

/// The number of rounds in which the zones of routers are changed, as many of them together as may be.
pub(crate) fn router_rounds(inventory: &Inventory, concurrency: u32) -> usize {
    inventory.routers.len().div_ceil(concurrency.max(1) as usize)
}

/// The processes of the zone of routers that has the most, which are changed one after the other.
pub(crate) fn longest_zone(inventory: &Inventory) -> usize {
    inventory.routers.iter().map(|router| router.instances.len()).max().unwrap_or(0)
}

fn parts(parts: &[(&str, f64)]) -> Vec<(String, f64)> {
    parts.iter().map(|(what, seconds)| ((*what).to_owned(), *seconds)).collect()
}

fn sum(parts: &[(String, f64)]) -> f64 {
    parts.iter().map(|(_, seconds)| seconds).sum()
}

/// Every peer is a copy of the whole database, and a tenth more for what is written meanwhile.
fn disk(source: &ShardFacts, targets: &[Target]) -> Vec<(ServerUuid, u64)> {
    let each = source.database_bytes.saturating_add(source.database_bytes / 10);
    let mut needed: BTreeMap<ServerUuid, u64> = BTreeMap::new();
    for peer in targets.iter().flat_map(|target| &target.peers) {
        let sum = needed.entry(peer.server).or_default();
        *sum = sum.saturating_add(each);
    }
    needed.into_iter().collect()
}

/// Every row is copied to each new shard, and one of them or the source keeps it.
fn ghost_rows(inventory: &Inventory, targets: &[Target]) -> Option<u64> {
    let measurement = inventory.measurement.as_ref()?;
    let vnodes = measurement.tables.iter().flat_map(|table| &table.vnodes);
    Some(vnodes.map(|counted| counted.rows).sum::<u64>() * targets.len() as u64)
}

//! Making a plan. Pure: the same input gives the same plan.

use std::collections::HashMap;

use fash::Vnode;
use jiff::Timestamp;
use manatee_client::ShardName;

use super::select::{Weight, select, weights};
use super::target::taken_apart;
use super::{
    Balance, Costs, PLAN_VERSION, Plan, PlanError, PlanUuid, Request, Target, actions, place,
    predict, risks,
};
use crate::VnodeSet;
use crate::inventory::{Inventory, ShardFacts, pnode_name};

/// New shards of one plan.
const MOST_SHARDS: u32 = 16;

impl Plan {
    /// Makes a plan of an inventory. Nothing is asked and nothing is changed; who and when are arguments.
    ///
    /// # Errors
    ///
    /// [`PlanError`] says what cannot be done as asked.
    pub fn make(
        uuid: PlanUuid,
        created: Timestamp,
        request: Request,
        inventory: Inventory,
        costs: &Costs,
    ) -> Result<Self, PlanError> {
        let source = source_facts(&request, &inventory)?;
        let numbers = numbers(&request, &inventory)?;
        let vnodes = source_vnodes(&request, &inventory)?;
        let sets = select(&request.selection, vnodes, &numbers, inventory.measurement.as_ref())?;
        let mut placing = place::Placing::new(&request, &inventory, source)?;
        let mut targets = Vec::new();
        for (number, vnodes) in numbers.into_iter().zip(sets) {
            let name = shard_name(number, &inventory)?;
            let (peers, morays) = placing.zones_of(number, &request)?;
            targets.push(Target { name, number, vnodes, peers, morays });
        }
        let prediction = predict::predict(request.mode, &inventory, source, &targets, costs);
        place::check_room(&inventory, &prediction)?;
        let balance = balance(&request, &inventory, vnodes, &targets);
        let risks = risks::risks(&request, &inventory, source, &targets, created);
        let actions = actions::actions(&request, &inventory, source, &targets);
        let (moves, new_shards) = taken_apart(&request.source, targets);
        let mut plan = Self {
            version: PLAN_VERSION,
            uuid,
            created,
            request,
            inventory,
            moves,
            new_shards,
            actions,
            prediction,
            balance,
            risks,
            hash: String::new(),
        };
        if let Some(seconds) = plan.request.budget_seconds {
            plan.check_budget(seconds)?;
        }
        plan.hash = plan.computed_hash();
        Ok(plan)
    }
}

fn shard_name(number: u32, inventory: &Inventory) -> Result<ShardName, PlanError> {
    let name = format!("{number}.moray.{}.{}", inventory.region, inventory.dns_domain);
    name.parse().map_err(|_| PlanError::BadName { name })
}

/// The facts about the source, if it can be split.
fn source_facts<'a>(
    request: &Request,
    inventory: &'a Inventory,
) -> Result<&'a ShardFacts, PlanError> {
    let shard = request.source.clone();
    let Some(source) = inventory.shards.get(&shard) else {
        let inventory = inventory.shards.keys().cloned().collect();
        return Err(PlanError::OtherSource { inventory, source_shard: shard });
    };
    if source.peers.len() < 2 {
        return Err(PlanError::OneNodeWrite);
    }
    if !request.allow_storage_shard {
        if inventory.storage_shard == shard.as_str() {
            return Err(PlanError::StorageShard { shard, what: "storage" });
        }
        if inventory.marlin_shard.as_deref() == Some(shard.as_str()) {
            return Err(PlanError::StorageShard { shard, what: "Marlin" });
        }
    }
    Ok(source)
}

/// The numbers of the new shards, ascending: those that were asked for, or those after the highest that there is. A gap
/// further down is not filled, for backups of a shard that was there may bear its name.
fn numbers(request: &Request, inventory: &Inventory) -> Result<Vec<u32>, PlanError> {
    let wanted = request.new_shards;
    if wanted == 0 || wanted > MOST_SHARDS {
        return Err(PlanError::ShardCount { wanted, most: MOST_SHARDS });
    }
    if request.numbers.is_empty() {
        let number_of = |name: &ShardName| name.as_str().split('.').next()?.parse::<u32>().ok();
        let highest = inventory.shard_names.iter().filter_map(number_of).max().unwrap_or(0);
        return Ok((highest + 1..=highest + wanted).collect());
    }
    let mut numbers = request.numbers.clone();
    numbers.sort_unstable();
    if numbers.len() != wanted as usize {
        return Err(PlanError::NumberCount { wanted, given: numbers.len() });
    }
    let mut before = None;
    for &number in &numbers {
        let name = shard_name(number, inventory)?;
        if inventory.shard_names.contains(&name) || before == Some(number) {
            return Err(PlanError::NameTaken { name });
        }
        before = Some(number);
    }
    Ok(numbers)
}

fn source_vnodes<'a>(
    request: &Request,
    inventory: &'a Inventory,
) -> Result<&'a VnodeSet, PlanError> {
    let not_in_ring = || PlanError::NotInRing { pnode: pnode_name(&request.source) };
    inventory.ring.vnodes_of(&request.source).ok_or_else(not_in_ring)
}

fn balance(
    request: &Request,
    inventory: &Inventory,
    source: &VnodeSet,
    targets: &[Target],
) -> Vec<Balance> {
    let measurement = inventory.measurement.as_ref();
    let rows = weights(measurement, Weight::Rows).ok();
    let bytes = weights(measurement, Weight::Bytes).ok();
    let sum = |weights: &Option<HashMap<Vnode, u64>>, set: &VnodeSet| {
        let weights = weights.as_ref()?;
        Some(set.iter().filter_map(|vnode| weights.get(&vnode)).sum::<u64>())
    };
    let minus = |before: u64, moved: &dyn Fn(&Target) -> u64| {
        let moved: u64 = targets.iter().map(moved).sum();
        (before, before.saturating_sub(moved))
    };
    let mut balance = vec![Balance {
        shard: request.source.clone(),
        vnodes: minus(source.len() as u64, &|target| target.vnodes.len() as u64),
        rows: sum(&rows, source)
            .map(|all| minus(all, &|target| sum(&rows, &target.vnodes).unwrap_or(0))),
        bytes: sum(&bytes, source)
            .map(|all| minus(all, &|target| sum(&bytes, &target.vnodes).unwrap_or(0))),
    }];
    balance.extend(targets.iter().map(|target| Balance {
        shard: target.name.clone(),
        vnodes: (0, target.vnodes.len() as u64),
        rows: sum(&rows, &target.vnodes).map(|rows| (0, rows)),
        bytes: sum(&bytes, &target.vnodes).map(|bytes| (0, bytes)),
    }));
    balance
}

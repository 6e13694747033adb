//! The risks that an operator should know before starting.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{Layout, Mode, Request, Target};
use crate::clock::elapsed;
use crate::inventory::{Inventory, ShardFacts};
use crate::rows::LeftAlone;

/// A measurement that is older than this says little about today, in seconds.
const OLD: u64 = 7 * 24 * 3600;

/// The longest that a request waits in Moray for a connection to its database, in seconds.
const WAITS: u64 = 5;

pub(super) fn risks(
    request: &Request,
    inventory: &Inventory,
    source: &ShardFacts,
    targets: &[Target],
    created: Timestamp,
) -> Vec<String> {
    let until = match request.mode {
        Mode::Rfd103 => "from the beginning to the end",
        Mode::Guarded => "while the new peers leave it, and for the moment of the cutover",
    };
    let mut risks = vec![format!(
        "{} is frozen {until}: if its primary dies meanwhile, nobody takes over, and writes to it fail until the primary is \
         back or the shard is unfrozen",
        request.source
    )];
    risks.push(match request.mode {
        Mode::Rfd103 => "while writes to the moving vnodes are refused, creating and changing buckets and SQL through electric-moray \
                         are refused for all vnodes"
            .to_owned(),
        Mode::Guarded => "until the cutover two names lead to one database: whatever reads the shards of INDEX_MORAY_SHARDS one by one \
                          (garbage collectors, for example) sees the moving rows twice, and should not run from list-shard to cut-over"
            .to_owned(),
    });
    risks.extend([
        "no shard's database is dumped while the dump lock is held; the report lists what was missed",
    ].map(str::to_owned));
    if request.mode == Mode::Rfd103 {
        risks.push("the rebalancer and other writers that bypass electric-moray must be stopped before the plan starts".to_owned());
    }
    if request.mode == Mode::Guarded
        && let Some(seconds) = request.budget_seconds.filter(|seconds| *seconds > WAITS)
    {
        risks.push(format!(
            "an attempt at the cutover may last {seconds} s, but a request waits in Moray for {WAITS} s or so, and then fails"
        ));
    }
    if request.layout == Layout::OnePeer {
        risks.push("a new shard with one peer cannot fail over: for laboratories only".to_owned());
    }
    if request.allow_storage_shard {
        risks.push(format!(
            "{} holds tables that are not sharded; the new shards' copies of them are dropped at the end",
            request.source
        ));
    }
    let left_alone = &source.tables.left_alone;
    if !left_alone.is_empty() {
        let names: Vec<String> = left_alone.iter().map(LeftAlone::to_string).collect();
        risks.push(format!(
            "tables that only look like Moray's buckets are neither counted nor moved, and stay as they are on both sides: {}",
            names.join(", ")
        ));
    }
    shared_servers(targets, inventory, &mut risks);
    match &inventory.measurement {
        None => risks.push(
            "rows were not counted: the parts may hold very different amounts of data".to_owned(),
        ),
        Some(measured) => {
            if elapsed(created, measured.taken).as_secs() > OLD {
                risks.push(format!("the rows were counted long ago, on {}", measured.taken));
            }
            let without: u64 = measured.tables.iter().map(|table| table.without_vnode).sum();
            if without > 0 {
                risks.push(format!(
                    "{without} rows have no _vnode and are attributed by their keys, which takes a scan of their tables"
                ));
            }
        }
    }
    risks
}

fn shared_servers(targets: &[Target], inventory: &Inventory, risks: &mut Vec<String>) {
    for target in targets {
        let mut peers = HashMap::new();
        for peer in &target.peers {
            *peers.entry(peer.server).or_insert(0) += 1;
        }
        let mut shared: Vec<_> = peers.into_iter().filter(|(_, count)| *count > 1).collect();
        shared.sort_unstable();
        for (server, count) in shared {
            let found = inventory.servers.iter().find(|facts| facts.uuid == server);
            let name = found.map_or_else(|| server.to_string(), |facts| facts.hostname.clone());
            risks.push(format!(
                "{count} peers of {} are on the server {name}: one failure takes them all",
                target.name
            ));
        }
    }
}

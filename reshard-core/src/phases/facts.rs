//! The facts that phases tell each other: the whole contract between them, beside what they find in the region itself. The
//! executor's own stand in `phase/facts.rs`. All of them are in the report.
//!
//! Facts that are made anew when the plan begins anew, after everything was rolled back, have the number of that round in their
//! keys.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use manatee_client::ShardName;

use super::canaries::Planted;
use super::reserve_ring::Base;
use super::rollout::{Restarts, Rings};
use super::split_shard::NewShard;
use super::sweep::Swept;
use crate::audit::RouterAudit;
use crate::dumps::MissedDump;
use crate::guard::{Armed, Identity};
use crate::journal::{Fact, FactOf};
use crate::morays::MorayProcess;
use crate::routers::Router;
use crate::rows::UnshardedTable;
use crate::shards::SplitPoint;
use crate::zones::MadeZone;

/// The ring that the plan's changes are made from. Written by `reserve-ring`, which removes it when it is undone; read by
/// `build-rings`, `recheck`, `list-shard`, and by what puts rings back or takes back what is not needed.
pub(super) const BASE: Fact<Base> = Fact::new("base");

/// The canaries, and where each has to be found. Written by `plant-canaries`, which chooses them once; read by `verify-routing`
/// and `remove-canaries`, which removes the fact with them.
pub(super) const CANARIES: Fact<Vec<Planted>> = Fact::new("canaries");

/// The keys of canaries of which the operator was told that they are gone: they are written again when the plan goes on. Written and
/// read by `verify-routing`.
pub(super) const TOLD_CANARIES_GONE: Fact<BTreeSet<String>> = Fact::new("told-canaries-gone");

/// The time since when the plan holds the lock on dumps. Written by `lock-dumps`, read by `unlock-dumps`, to tell which were
/// missed.
pub(super) const DUMP_LOCK_SINCE: Fact<Timestamp> = Fact::new("dump-lock-since");

/// True once the operator was told that the lock on dumps is gone: the next time it is taken again. Written, read
/// and removed by `recheck`; removed by `lock-dumps` when it is undone.
pub(super) const TOLD_UNLOCKED: Fact<bool> = Fact::new("told-unlocked");

/// The dumps that did not begin because of the lock. Written by `unlock-dumps`, for the report.
pub(super) const MISSED_DUMPS: Fact<Vec<MissedDump>> = Fact::new("missed-dumps");

/// True once the operator was told that the plan's freeze of the source is gone: the next time it is frozen again. Written,
/// read and removed by `catch-up`, `recheck`, `drain` and `split-shard`; removed by `freeze-source` when it is undone.
pub(super) const TOLD_UNFROZEN: Fact<bool> = Fact::new("told-unfrozen");

/// The number of attempts to make a zone that failed, by the zone's role in the plan and the round. Written by `provision-peers`
/// and `provision-morays`; read by them, and by what asks whether something still needs the zones.
pub(super) const ATTEMPTS: FactOf<u32> = FactOf::new("attempts");

/// True once the operator was told that the zone of this UUID could not be made: the next time another takes its place. Written
/// and read by `provision-peers` and `provision-morays`.
pub(super) const FAILED: FactOf<bool> = FactOf::new("failed");

/// A zone that was made, by its role in the plan and the round. Written by `provision-peers` and `provision-morays`; read by
/// every phase that needs its address or place.
pub(super) const ZONE: FactOf<MadeZone> = FactOf::new("zone");

/// The date of the ring images, by round: the same image is made of the same date. Written and read by `build-rings`.
pub(super) const RING_DATE: FactOf<Timestamp> = FactOf::new("ring-date");

/// The images of the plan's rings. Written by `build-rings`, which removes it when it is undone; read by every phase
/// that changes routers, and by `publish-ring`.
pub(super) const RINGS: Fact<Rings> = Fact::new("rings");

/// The routers that the plan may have touched. Written by the phases that change routers, before they do; read by them and by
/// what puts the original rings back.
pub(super) const ROUTERS: Fact<Vec<Router>> = Fact::new("routers");

/// The number of commands that routers were given: each has a higher one than all before. Written and read by the phases that
/// change routers.
pub(super) const ROUTER_COMMANDS: Fact<u64> = Fact::new("router-commands");

/// The restarts of processes by tries that failed, by phase, and whether a ring was put there or put back. Written, read and removed by
/// the phases that change routers.
pub(super) const RESTARTS: FactOf<Restarts> = FactOf::new("restarts");

/// True once any router may have been touched, `false` while it is looked whether it may be. Written and read by
/// `block-writes`: with `false` there is nothing to put back.
pub(super) const ROUTERS_TOUCHED: Fact<bool> = Fact::new("routers-touched");

/// The source's Moray processes. Written by `recheck`, before writes are refused; read by `drain`, which waits for their requests.
pub(super) const MORAY_PROCESSES: Fact<Vec<MorayProcess>> = Fact::new("moray-processes");

/// The point at which the source's history parts. Written by `drain`, which removes it when it is undone; read by
/// `split-shard` and `delete-ghosts`.
pub(super) const SPLIT_POINT: Fact<SplitPoint> = Fact::new("split-point");

/// The new shards with their first states and peers, by round. Written by `split-shard`, which decides them once; read by it and
/// by what asks whether they are used.
pub(super) const NEW_SHARDS: FactOf<Vec<NewShard>> = FactOf::new("new-shards");

/// The first transaction of each new shard that may be its own, by round. Written by `split-shard`, read by `delete-ghosts`.
pub(super) const COPIES_END: FactOf<BTreeMap<ShardName, u64>> = FactOf::new("copies-end");

/// The guard at the source, by move. Written by `arm-guard`, which removes it when it is undone; for the report.
pub(super) const ARMED: Fact<Vec<Armed>> = Fact::new("armed");

/// The databases of source and new shard when their rows were compared. Written by `follow`, which removes it when it is undone; read
/// by `cut-over`.
pub(super) const FOLLOWED: Fact<BTreeMap<ShardName, [Identity; 2]>> = Fact::new("followed");

/// The same for the way back. Written and read by undoing `cut-over`.
pub(super) const FOLLOWED_BACK: Fact<BTreeMap<ShardName, [Identity; 2]>> =
    Fact::new("followed-back");

/// The new shards whose vnodes go back to the source, or have. Written and read by `cut-over`.
pub(super) const GOING_BACK: Fact<BTreeSet<ShardName>> = Fact::new("going-back");

/// The seconds that each step of `split-shard` took. Written by it, for the report.
pub(super) const SPLIT_STEPS: Fact<Vec<(String, f64)>> = Fact::new("split-steps");

/// The processes of routers that had the original ring after writes were refused. Written by `install-ring`, for the report.
pub(super) const STRAY_ROUTERS: Fact<Vec<String>> = Fact::new("stray-routers");

/// The answers of every router about keys and their owners. Written by `verify-routing`, for the report.
pub(super) const ROUTING_AUDIT: Fact<Vec<RouterAudit>> = Fact::new("routing-audit");

/// The progress of deleting ghost rows, by shard and table. Written and read by `delete-ghosts`.
pub(super) const GHOSTS: Fact<BTreeMap<String, Swept>> = Fact::new("ghosts");

/// The buckets that the plan does not name and that the operator was told of, by shard and table. Written and read by
/// `delete-ghosts`.
pub(super) const TOLD_NEW_TABLES: Fact<BTreeSet<String>> = Fact::new("told-new-tables");

/// The tables that are not sharded, by shard. Written by `delete-ghosts`, for the report.
pub(super) const UNSHARDED: Fact<BTreeMap<ShardName, Vec<UnshardedTable>>> = Fact::new("unsharded");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// The keys and the bases of keys on a page of facts.
    fn keys(page: &'static str) -> impl Iterator<Item = &'static str> {
        page.split("::new(\"").skip(1).filter_map(|rest| rest.split('"').next())
    }

    #[test]
    fn no_two_facts_have_the_same_key() {
        let pages = [include_str!("facts.rs"), include_str!("../phase/facts.rs")];
        let all: Vec<&str> = pages.into_iter().flat_map(keys).collect();
        let different: BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(all.len(), different.len(), "{all:?}");
        for known in ["base", "zone", "unsharded", "round", "write-blocks"] {
            assert!(different.contains(known), "{known} was not seen among {all:?}");
        }
        // A base and a part are no other fact's key.
        assert!(all.iter().all(|key| !key.contains('/')), "{all:?}");
    }
}

//! A plan in words.

use super::copies::copies_to_drop;
use super::{Action, Request, Target};
use crate::inventory::{Inventory, ShardFacts};
use crate::quantity::count;
use crate::rows::Table;
use crate::vnode_set::VnodeSet;

pub(super) fn actions(
    request: &Request,
    inventory: &Inventory,
    facts: &ShardFacts,
    targets: &[Target],
) -> Vec<Action> {
    let source = &request.source;
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    let new_shards = names.join(", ");
    let moved: usize = targets.iter().map(|target| target.vnodes.len()).sum();
    let processes: usize = inventory.routers.iter().map(|router| router.instances.len()).sum();
    let routers =
        format!("{processes} electric-moray processes in {} zones", inventory.routers.len());
    let copies = copies_to_drop(request, inventory, facts);
    let tables = facts.tables.sharded.iter().map(Table::to_string);
    let tables = tables.collect::<Vec<_>>().join(", ");
    let mut list = Actions(Vec::new());
    list.add("preflight", "check that everything is healthy and as it was planned for".to_owned());
    list.add("reserve-names", format!("keep other plans from taking {new_shards}"));
    list.add("plant-canaries", "put objects whose way can be followed".to_owned());
    list.add("freeze-source", format!("freeze {source}: no takeovers"));
    list.add("lock-dumps", "take /pg_dump_lock and wait until no dump runs".to_owned());
    for target in targets {
        for peer in &target.peers {
            list.add(
                "provision-peers",
                format!("make {} on server {} as an async of {source}", peer.role, peer.server),
            );
        }
    }
    list.add("catch-up", "wait until the new peers follow closely".to_owned());
    for target in targets {
        for moray in &target.morays {
            list.add(
                "provision-morays",
                format!("make {} on server {} for {}", moray.role, moray.server, target.name),
            );
        }
    }
    list.add("reserve-ring", "keep other plans from changing the ring".to_owned());
    list.add(
        "build-rings",
        format!(
            "make of the ring {} one with {moved} vnodes read-only, one with them moved, and one with both",
            inventory.ring.image
        ),
    );
    list.add("stage-rings", format!("put the three rings beside the live one of {routers}"));
    list.add("recheck", "check everything again".to_owned());
    list.blocked(
        "block-writes",
        format!("refuse writes to {moved} vnodes: the read-only ring in {routers}"),
    );
    list.blocked("drain", format!("wait until the new peers have all that {source} has"));
    list.blocked("split-shard", format!("make the new peers {new_shards}"));
    list.blocked(
        "list-shard",
        format!("add {new_shards} to INDEX_MORAY_SHARDS and to the routers' configuration"),
    );
    list.blocked(
        "hand-over-reads",
        format!("a ring with the {moved} vnodes at {new_shards}, read-only, in {routers}"),
    );
    list.blocked(
        "publish-ring",
        "make the new ring SAPI's HASH_RING_IMAGE; from here on there is no way back".to_owned(),
    );
    list.blocked("install-ring", format!("the new ring in {routers}: writes are accepted again"));
    list.add(
        "verify-routing",
        "follow the canaries, and compare every router with the new ring".to_owned(),
    );
    list.add("release-ring", "remove what the ring change left over".to_owned());
    list.add("tidy-metadata", "put aliases and other metadata right".to_owned());
    list.add(
        "unlock-dumps",
        "give back /pg_dump_lock and list the dumps that were missed".to_owned(),
    );
    for target in targets {
        list.add(
            "delete-ghosts",
            format!(
                "delete from {tables} at {source} the rows of the vnodes {}, and at {} all others",
                abridged(&target.vnodes),
                target.name
            ),
        );
    }
    for (target, table) in
        targets.iter().flat_map(|target| copies.iter().map(move |it| (target, it)))
    {
        let what = format!(
            "drop at {} the copy of {}, of which {source} keeps the real one",
            target.name, table.table
        );
        list.add("delete-ghosts", what);
    }
    list.add("unfreeze", format!("unfreeze {source} and {new_shards}"));
    list.add("remove-canaries", "delete the canaries".to_owned());
    list.0
}

struct Actions(Vec<Action>);

impl Actions {
    fn add(&mut self, phase: &str, what: String) {
        self.0.push(Action { phase: phase.to_owned(), what, in_write_block: false });
    }

    fn blocked(&mut self, phase: &str, what: String) {
        self.0.push(Action { phase: phase.to_owned(), what, in_write_block: true });
    }
}

/// The most characters of vnodes that are listed.
const LISTED: usize = 40;

/// The vnodes, or those at the beginning of a long list and the number of the others.
fn abridged(vnodes: &VnodeSet) -> String {
    let text = vnodes.to_string();
    let beginning = text.get(..LISTED).filter(|_| text.len() > LISTED);
    // The last one may be cut, or be the beginning of a range.
    let Some(whole) = beginning.and_then(|beginning| Some(beginning.rsplit_once(',')?.0)) else {
        return text;
    };
    let listed = whole.parse::<VnodeSet>().map_or(0, |listed| listed.len());
    let more = vnodes.len().saturating_sub(listed);
    format!("{whole} and {} more", count(more.try_into().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_of_vnodes_is_cut_between_two_of_them() {
        let said = |text: &str| abridged(&text.parse().unwrap());
        assert_eq!(said("1,5,7-9"), "1,5,7-9");
        let odd: Vec<String> = (0..2000).map(|number| (2 * number + 1).to_string()).collect();
        assert_eq!(said(&odd.join(",")), "1,3,5,7,9,11,13,15,17,19,21,23,25,27,29 and 1,985 more");
        let ranges: Vec<String> =
            (0..9).map(|n| format!("{}-{}", n * 1000, n * 1000 + 499)).collect();
        assert_eq!(said(&ranges.join(",")), "0-499,1000-1499,2000-2499,3000-3499 and 2,500 more");
    }
}

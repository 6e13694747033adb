//! A plan in words.

use super::copies::copies_to_drop;
use super::{Action, Mode, Request, Target};
use crate::inventory::{Inventory, ShardFacts};
use crate::quantity::count;
use crate::rows::Table;
use crate::vnode_set::VnodeSet;

/// The phases of the mode of RFD 103, and whether writes are refused meanwhile.
const RFD103: [(&str, bool); 25] = [
    ("preflight", false),
    ("reserve-names", false),
    ("plant-canaries", false),
    ("freeze-source", false),
    ("lock-dumps", false),
    ("provision-peers", false),
    ("catch-up", false),
    ("provision-morays", false),
    ("reserve-ring", false),
    ("build-rings", false),
    ("stage-rings", false),
    ("recheck", false),
    ("block-writes", true),
    ("drain", true),
    ("split-shard", true),
    ("list-shard", true),
    ("hand-over-reads", true),
    ("publish-ring", true),
    ("install-ring", true),
    ("verify-routing", false),
    ("release-ring", false),
    ("tidy-metadata", false),
    ("unlock-dumps", false),
    ("delete-ghosts", false),
    ("unfreeze", false),
];
/// Those of the guarded mode.
const GUARDED: [&str; 32] = [
    "preflight",
    "reserve-names",
    "plant-canaries",
    "arm-guard",
    "provision-peers",
    "catch-up",
    "open-switches",
    "provision-morays",
    "lead-morays",
    "reserve-ring",
    "build-rings",
    "stage-rings",
    "freeze-source",
    "lock-dumps",
    "recheck",
    "part-peers",
    "split-shard",
    "close-targets",
    "unlock-dumps",
    "thaw-source",
    "follow",
    "list-shard",
    "flip-routers",
    "name-ring",
    "cut-over",
    "unfreeze",
    "verify-routing",
    "settle-morays",
    "remove-guard",
    "release-ring",
    "tidy-metadata",
    "delete-ghosts",
];
/// The last of every mode.
const LAST: &str = "remove-canaries";

pub(super) fn actions(
    request: &Request,
    inventory: &Inventory,
    facts: &ShardFacts,
    targets: &[Target],
) -> Vec<Action> {
    let order: Vec<(&str, bool)> = match request.mode {
        Mode::Rfd103 => RFD103.into(),
        Mode::Guarded => GUARDED.map(|phase| (phase, false)).into(),
    };
    let words = Words { request, inventory, facts, targets };
    let order = order.into_iter().chain([(LAST, false)]);
    let of_phase = |(phase, in_write_block): (&str, bool)| {
        let phase = phase.to_owned();
        let all = words.of(&phase);
        all.into_iter().map(move |what| Action { phase: phase.clone(), what, in_write_block })
    };
    order.flat_map(of_phase).collect()
}

/// The things that the words of a plan are about.
struct Words<'a> {
    request: &'a Request,
    inventory: &'a Inventory,
    facts: &'a ShardFacts,
    targets: &'a [Target],
}

impl Words<'_> {
    /// The things that a phase does.
    fn of(&self, phase: &str) -> Vec<String> {
        let (source, new_shards, routers) =
            (&self.request.source, self.new_shards(), self.routers());
        let moved: usize = self.targets.iter().map(|target| target.vnodes.len()).sum();
        vec![match phase {
            "preflight" => "check that everything is healthy and as it was planned for".to_owned(),
            "reserve-names" => format!("keep other plans from taking {new_shards}"),
            "plant-canaries" => "put objects whose way can be followed".to_owned(),
            "arm-guard" => {
                format!(
                    "log writes to {moved} vnodes at {source} from now on, by triggers on {}",
                    self.tables()
                )
            }
            "freeze-source" => format!("freeze {source}: no takeovers"),
            "lock-dumps" => "take /pg_dump_lock and wait until no dump runs".to_owned(),
            "provision-peers" => return self.peers(),
            "catch-up" => "wait until the new peers follow closely".to_owned(),
            "open-switches" => {
                format!(
                    "make a path in ZooKeeper for the Morays of {new_shards}, which leads to {source} at first"
                )
            }
            "provision-morays" => return self.morays(),
            "lead-morays" => {
                format!("have the Morays of {new_shards} serve out of the database of {source}")
            }
            "reserve-ring" => "keep other plans from changing the ring".to_owned(),
            "build-rings" => {
                let base = self.inventory.ring.image;
                match self.request.mode {
                    Mode::Guarded => {
                        format!("make of the ring {base} one with {moved} vnodes moved")
                    }
                    Mode::Rfd103 => format!(
                        "make of the ring {base} one with {moved} vnodes read-only, one with them moved, and one with both"
                    ),
                }
            }
            "stage-rings" => {
                let rings = match self.request.mode {
                    Mode::Guarded => "ring",
                    Mode::Rfd103 => "three rings",
                };
                format!("put the {rings} beside the live one of {routers}")
            }
            "recheck" => "check everything again".to_owned(),
            "block-writes" => {
                format!("refuse writes to {moved} vnodes: the read-only ring in {routers}")
            }
            "drain" => format!("wait until the new peers have all that {source} has"),
            "part-peers" => format!("find the point where the new peers part from {source}"),
            "split-shard" => format!("make the new peers {new_shards}"),
            "close-targets" => format!("close {new_shards} until the cutover"),
            "follow" => format!(
                "have {new_shards} follow {source}, and compare all rows of the {moved} vnodes"
            ),
            "list-shard" => {
                format!("add {new_shards} to INDEX_MORAY_SHARDS and to the routers' configuration")
            }
            "hand-over-reads" => {
                format!("a ring with the {moved} vnodes at {new_shards}, read-only, in {routers}")
            }
            "flip-routers" => format!(
                "put the new ring in place in {routers}: behind {new_shards} is the database of {source} still"
            ),
            "name-ring" => "make the new ring SAPI's HASH_RING_IMAGE".to_owned(),
            "publish-ring" => {
                "make the new ring SAPI's HASH_RING_IMAGE; from here on there is no way back"
                    .to_owned()
            }
            "install-ring" => format!("the new ring in {routers}: writes are accepted again"),
            "cut-over" => format!(
                "have requests for {new_shards} wait, replay the last writes there, and let them go on there"
            ),
            "verify-routing" => {
                "follow the canaries, and compare every router with the new ring".to_owned()
            }
            "settle-morays" => {
                format!(
                    "give the Morays of {new_shards} their regular configuration, one after the other"
                )
            }
            "remove-guard" => format!(
                "remove the triggers from {source} and {new_shards}; from here on there is no way back"
            ),
            "release-ring" => "remove what the ring change left over".to_owned(),
            "tidy-metadata" => "put aliases and other metadata right".to_owned(),
            "unlock-dumps" => {
                "give back /pg_dump_lock and list the dumps that were missed".to_owned()
            }
            "delete-ghosts" => return self.ghosts(),
            "thaw-source" => format!("unfreeze {source} until the cutover"),
            "unfreeze" => format!("unfreeze {source} and {new_shards}"),
            LAST => "delete the canaries".to_owned(),
            _ => return Vec::new(),
        }]
    }

    fn new_shards(&self) -> String {
        let names: Vec<&str> = self.targets.iter().map(|target| target.name.as_str()).collect();
        names.join(", ")
    }

    fn routers(&self) -> String {
        let routers = &self.inventory.routers;
        let processes: usize = routers.iter().map(|router| router.instances.len()).sum();
        format!("{processes} electric-moray processes in {} zones", routers.len())
    }

    fn tables(&self) -> String {
        let tables = self.facts.tables.sharded.iter().map(Table::to_string);
        tables.collect::<Vec<_>>().join(", ")
    }

    fn peers(&self) -> Vec<String> {
        let source = &self.request.source;
        let peers = self.targets.iter().flat_map(|target| &target.peers);
        let made = peers.map(|peer| {
            format!("make {} on server {} as an async of {source}", peer.role, peer.server)
        });
        made.collect()
    }

    fn morays(&self) -> Vec<String> {
        let made = self.targets.iter().flat_map(|target| {
            let name = &target.name;
            let made = target.morays.iter();
            made.map(move |moray| {
                format!("make {} on server {} for {name}", moray.role, moray.server)
            })
        });
        made.collect()
    }

    fn ghosts(&self) -> Vec<String> {
        let (source, tables) = (&self.request.source, self.tables());
        let deleted = self.targets.iter().map(|target| {
            format!(
                "delete from {tables} at {source} the rows of the vnodes {}, and at {} all others",
                abridged(&target.vnodes),
                target.name
            )
        });
        let copies = copies_to_drop(self.request, self.inventory, self.facts);
        let dropped = self.targets.iter().flat_map(|target| {
            let drop = |table: &crate::rows::UnshardedTable| {
                format!(
                    "drop at {} the copy of {}, of which {source} keeps the real one",
                    target.name, table.table
                )
            };
            copies.iter().map(drop).collect::<Vec<_>>()
        });
        deleted.chain(dropped).collect()
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

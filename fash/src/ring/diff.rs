//! The changes between two rings: [`Diff`].

use std::collections::HashMap;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::algorithm::Algorithm;
use crate::data::VnodeData;
use crate::id::{Pnode, Vnode};
use crate::interval::Interval;
use crate::pnode_names::{object_key_rank, sort_by_utf16};

use super::Ring;

/// The changes from an older ring to a newer one. Lists of vnodes are ascending.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    /// The algorithms, if they differ: then every key may have moved.
    pub algorithm: Option<Changed<Algorithm>>,
    /// The vnode counts, if they differ: then every key may have moved.
    pub vnode_count: Option<Changed<u32>>,
    /// The intervals, if they differ: then every key may have moved.
    pub interval: Option<Changed<Interval>>,
    /// Pnodes that only the newer ring has, in its order.
    pub pnodes_added: Vec<Pnode>,
    /// Pnodes that only the older ring has, in its order.
    pub pnodes_removed: Vec<Pnode>,
    /// Vnodes of both rings that have another owner.
    pub moved: Vec<OwnerChange>,
    /// Vnodes of both rings that have other data.
    pub data_changed: Vec<DataChange>,
    /// Vnodes that only the newer ring has.
    pub vnodes_added: Vec<OwnedVnode>,
    /// Vnodes that only the older ring has.
    pub vnodes_removed: Vec<OwnedVnode>,
}

/// A value that is not the same in both rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Changed<T> {
    /// The older ring's value.
    pub from: T,
    /// The newer ring's value.
    pub to: T,
}

/// A vnode that changed its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnerChange {
    /// The vnode.
    pub vnode: Vnode,
    /// Its owner in the older ring.
    pub from: Pnode,
    /// Its owner in the newer ring.
    pub to: Pnode,
}

/// A vnode whose data changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DataChange {
    /// The vnode.
    pub vnode: Vnode,
    /// Its data in the older ring.
    pub from: VnodeData,
    /// Its data in the newer ring.
    pub to: VnodeData,
}

/// A vnode and its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnedVnode {
    /// The vnode.
    pub vnode: Vnode,
    /// The owner.
    pub pnode: Pnode,
}

impl Ring {
    /// The changes from this ring to a newer one.
    pub fn diff(&self, newer: &Self) -> Diff {
        let pnodes_only_in = |ring: &Self, positions: Vec<Option<u32>>| {
            let pnodes = ring.pnodes.iter().zip(positions);
            pnodes
                .filter(|(_, position)| position.is_none())
                .map(|(pnode, _)| pnode.clone())
                .collect()
        };
        let vnodes_only_in = |ring: &Self, other: &Self| {
            let vnodes = ring.owned_vnodes().skip(other.owners.len());
            vnodes.map(|(vnode, pnode)| OwnedVnode { vnode, pnode: pnode.clone() }).collect()
        };
        let owners = self.owned_vnodes().zip(newer.owned_vnodes());
        let data = self.data_differences(newer);
        Diff {
            algorithm: changed(self.algorithm(), newer.algorithm()),
            vnode_count: changed(self.vnode_count(), newer.vnode_count()),
            interval: changed(self.interval.clone(), newer.interval.clone()),
            pnodes_added: pnodes_only_in(newer, newer.positions_in(self)),
            pnodes_removed: pnodes_only_in(self, self.positions_in(newer)),
            moved: owners
                .filter(|((_, from), (_, to))| from != to)
                .map(|((vnode, from), (_, to))| OwnerChange {
                    vnode,
                    from: from.clone(),
                    to: to.clone(),
                })
                .collect(),
            data_changed: data
                .map(|(vnode, from, to)| DataChange { vnode, from: from.clone(), to: to.clone() })
                .collect(),
            vnodes_added: vnodes_only_in(newer, self),
            vnodes_removed: vnodes_only_in(self, newer),
        }
    }
}

fn changed<T: PartialEq>(from: T, to: T) -> Option<Changed<T>> {
    (from != to).then_some(Changed { from, to })
}

impl Diff {
    /// Tells whether nothing changed: the rings are equal.
    pub const fn is_empty(&self) -> bool {
        self.algorithm.is_none()
            && self.vnode_count.is_none()
            && self.interval.is_none()
            && self.pnodes_added.is_empty()
            && self.pnodes_removed.is_empty()
            && self.moved.is_empty()
            && self.data_changed.is_empty()
            && self.vnodes_added.is_empty()
            && self.vnodes_removed.is_empty()
    }

    /// The differences as node-fash's `diff` reports them, which leaves out data. node-fash compares the lists of a
    /// LevelDB ring as if they were sorted and so may report vnodes that did not move; here only real moves are.
    pub fn node_fash(&self) -> NodeFashDiff {
        let mut pnodes: HashMap<&Pnode, PnodeDiff> = HashMap::new();
        for pnode in &self.pnodes_removed {
            pnodes.entry(pnode).or_default().removed = Some(Vec::new());
        }
        for pnode in &self.pnodes_added {
            pnodes.entry(pnode).or_default().added = Some(Vec::new());
        }
        let moved_from = self.moved.iter().map(|change| (change.vnode, &change.from));
        let gone = self.vnodes_removed.iter().map(|owned| (owned.vnode, &owned.pnode));
        for (vnode, pnode) in moved_from.chain(gone) {
            pnodes.entry(pnode).or_default().removed.get_or_insert_default().push(vnode);
        }
        let moved_to = self.moved.iter().map(|change| (change.vnode, &change.to));
        let new = self.vnodes_added.iter().map(|owned| (owned.vnode, &owned.pnode));
        for (vnode, pnode) in moved_to.chain(new) {
            pnodes.entry(pnode).or_default().added.get_or_insert_default().push(vnode);
        }

        // node-fash goes through the sorted pnodes of the older ring, then through those of the newer one, and prints
        // an object whose keys JavaScript orders.
        let mut order: Vec<Pnode> = pnodes.keys().map(|&pnode| pnode.clone()).collect();
        sort_by_utf16(&mut order);
        order.sort_by_key(|pnode| self.pnodes_added.contains(pnode));
        order.sort_by_key(|pnode| object_key_rank(pnode.as_str()));
        let diffs = order.into_iter().filter_map(|pnode| {
            let diff = pnodes.remove(&pnode)?;
            Some((pnode, diff))
        });
        NodeFashDiff(diffs.collect())
    }
}

/// The output of node-fash's `diff`: for each pnode with differences the vnodes that it lost (`removed`) and got
/// (`added`). Serializes as that object, with its keys in node-fash's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFashDiff(Vec<(Pnode, PnodeDiff)>);

/// The vnodes that a pnode lost and got, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct PnodeDiff {
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<Vec<Vnode>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    added: Option<Vec<Vnode>>,
}

impl NodeFashDiff {
    /// Tells whether there is no difference; node-fash then prints nothing at all.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for NodeFashDiff {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (pnode, diff) in &self.0 {
            map.serialize_entry(pnode, diff)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Move, test_ring};
    use super::*;

    fn remapped(ring: &Ring, vnodes: &[u32], to: &str) -> Ring {
        let mut ring = ring.clone();
        let vnodes = vnodes.iter().copied().map(Vnode::new).collect();
        ring.remap(&[Move { vnodes, to: to.parse().unwrap() }]).unwrap();
        ring
    }

    fn node_fash(older: &Ring, newer: &Ring) -> String {
        serde_json::to_string(&older.diff(newer).node_fash()).unwrap()
    }

    /// The texts are those that node-fash 3.0.1 printed for the same rings.
    #[test]
    fn the_shape_is_that_of_node_fash() {
        let ring = test_ring(10, "a,b");
        let to_b = remapped(&ring, &[0, 4], "b");
        assert_eq!(node_fash(&ring, &to_b), r#"{"a":{"removed":[0,4]},"b":{"added":[0,4]}}"#);
        let to_z = remapped(&ring, &[4, 0], "z");
        assert_eq!(node_fash(&ring, &to_z), r#"{"a":{"removed":[0,4]},"z":{"added":[0,4]}}"#);
        assert_eq!(node_fash(&to_z, &ring), r#"{"a":{"added":[0,4]},"z":{"removed":[0,4]}}"#);
        let (two, three) = (test_ring(2, "a,b"), test_ring(2, "a,b,c"));
        assert_eq!(node_fash(&two, &three), r#"{"c":{"added":[]}}"#);
        assert_eq!(node_fash(&three, &two), r#"{"c":{"removed":[]}}"#);
        let exchanged = remapped(&remapped(&test_ring(4, "a,b"), &[0, 2], "b"), &[1, 3], "a");
        assert_eq!(
            node_fash(&test_ring(4, "a,b"), &exchanged),
            r#"{"a":{"removed":[0,2],"added":[1,3]},"b":{"removed":[1,3],"added":[0,2]}}"#
        );
    }

    #[test]
    fn pnodes_are_in_the_order_in_which_node_fash_lists_them() {
        let ring = remapped(&test_ring(10, "x,b"), &[0], "c");
        let newer = remapped(&remapped(&ring, &[0, 1, 2], "a"), &[4], "5");
        let pnodes = [
            r#""5":{"added":[4]}"#,
            r#""b":{"removed":[2,4]}"#,
            r#""c":{"removed":[0]}"#,
            r#""x":{"removed":[1]}"#,
            r#""a":{"added":[0,1,2]}"#,
        ];
        assert_eq!(node_fash(&ring, &newer), format!("{{{}}}", pnodes.join(",")));
    }

    #[test]
    fn vnodes_that_went_away_and_came_back_are_no_difference() {
        let ring = test_ring(10, "a,b");
        let back = remapped(&remapped(&ring, &[2], "b"), &[2], "a");
        let diff = ring.diff(&back);
        assert!(diff.is_empty() && diff.node_fash().is_empty());
    }

    #[test]
    fn data_is_compared_but_not_shown_to_users_of_node_fash() {
        let ring = test_ring(4, "a,b");
        let mut newer = ring.clone();
        newer.set_data(&[Vnode::new(2)], VnodeData::read_only()).unwrap();
        let diff = ring.diff(&newer);
        let (vnode, from, to) = (Vnode::new(2), VnodeData::NONE, VnodeData::read_only());
        assert_eq!(diff.data_changed, [DataChange { vnode, from, to }]);
        assert!(!diff.is_empty() && diff.node_fash().is_empty());
    }

    #[test]
    fn rings_of_different_sizes_differ_in_their_last_vnodes() {
        let (small, large) = (test_ring(2, "a,b"), test_ring(4, "a,b"));
        let diff = small.diff(&large);
        assert_eq!(diff.vnode_count, Some(Changed { from: 2, to: 4 }));
        assert!(diff.interval.is_some() && diff.algorithm.is_none() && diff.moved.is_empty());
        assert_eq!(diff.vnodes_added.len(), 2);
        assert_eq!(node_fash(&small, &large), r#"{"a":{"added":[2]},"b":{"added":[3]}}"#);
        assert_eq!(large.diff(&small).vnodes_removed, diff.vnodes_added);
    }
}

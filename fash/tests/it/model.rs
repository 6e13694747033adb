//! Random edits of a ring, against a plain map.

use std::collections::{BTreeMap, BTreeSet};

use fash::{Algorithm, Move, Pnode, Ring, Vnode, VnodeData};
use proptest::prelude::*;

const VNODES: u32 = 12;

#[derive(Clone, Debug)]
enum Edit {
    SetData { vnodes: Vec<Vnode>, data: VnodeData },
    Remap(Vec<Move>),
    RemovePnode(Pnode),
}

/// A ring as it should be: each vnode's owner and data, and the pnodes in order.
#[derive(Clone, Debug, PartialEq)]
struct Model {
    vnodes: BTreeMap<Vnode, (Pnode, VnodeData)>,
    pnodes: Vec<Pnode>,
}

impl Model {
    /// A new ring; the pnodes are in order.
    fn new(pnodes: &[Pnode]) -> Self {
        let owners = (0..VNODES).map(Vnode::new).zip(pnodes.iter().cycle());
        let vnodes = owners.map(|(vnode, pnode)| (vnode, (pnode.clone(), VnodeData::NONE)));
        Self { vnodes: vnodes.collect(), pnodes: pnodes.to_vec() }
    }

    fn of(ring: &Ring) -> Self {
        let node = |vnode| {
            let node = ring.node(vnode).unwrap();
            (vnode, (node.pnode.clone(), node.data.clone()))
        };
        let vnodes = (0..ring.vnode_count()).map(Vnode::new).map(node).collect();
        Self { vnodes, pnodes: ring.pnodes().to_vec() }
    }

    /// Makes the edit. False if it is impossible; the model may then be left half edited.
    fn apply(&mut self, edit: &Edit) -> bool {
        match edit {
            Edit::SetData { vnodes, data } => {
                let mut seen = BTreeSet::new();
                let mut set = |vnode| self.vnodes.get_mut(vnode).map(|node| node.1 = data.clone());
                !vnodes.is_empty()
                    && vnodes.iter().all(|vnode| seen.insert(vnode) && set(vnode).is_some())
            }
            Edit::Remap(moves) => {
                let mut seen = BTreeSet::new();
                !moves.is_empty()
                    && moves.iter().all(|Move { vnodes, to }| {
                        if !self.pnodes.contains(to) {
                            self.pnodes.push(to.clone());
                        }
                        !vnodes.is_empty()
                            && vnodes.iter().all(|vnode| {
                                seen.insert(vnode)
                                    && self.vnodes.get_mut(vnode).is_some_and(|(owner, _)| {
                                        std::mem::replace(owner, to.clone()) != *to
                                    })
                            })
                    })
            }
            Edit::RemovePnode(pnode) => {
                let known = self.pnodes.contains(pnode);
                self.pnodes.retain(|kept| kept != pnode);
                known && self.vnodes.values().all(|(owner, _)| owner != pnode)
            }
        }
    }
}

fn apply(ring: &mut Ring, edit: &Edit) -> bool {
    match edit {
        Edit::SetData { vnodes, data } => ring.set_data(vnodes, data.clone()).is_ok(),
        Edit::Remap(moves) => ring.remap(moves).is_ok(),
        Edit::RemovePnode(pnode) => ring.remove_pnode(pnode).is_ok(),
    }
}

fn pnode() -> impl Strategy<Value = Pnode> {
    prop::sample::select(vec!["a", "b", "c", "d", "é"]).prop_map(|name| name.parse().unwrap())
}

fn vnodes() -> impl Strategy<Value = Vec<Vnode>> {
    // Now and then one that does not exist.
    let number = prop_oneof![30 => 0..VNODES, 1 => Just(VNODES)];
    prop::collection::vec(number.prop_map(Vnode::new), 0..4)
}

fn edit() -> impl Strategy<Value = Edit> {
    let data = prop::sample::select(vec![
        VnodeData::NONE,
        VnodeData::read_only(),
        VnodeData::from_text("1"),
        VnodeData::from_json(serde_json::json!({"why": [null, 2.5]})),
    ]);
    let step = (vnodes(), pnode()).prop_map(|(vnodes, to)| Move { vnodes, to });
    prop_oneof![
        2 => (vnodes(), data).prop_map(|(vnodes, data)| Edit::SetData { vnodes, data }),
        4 => prop::collection::vec(step, 0..3).prop_map(Edit::Remap),
        1 => pnode().prop_map(Edit::RemovePnode),
    ]
}

/// Everything that can be asked about the ring agrees with the model.
fn check(ring: &Ring, model: &Model) {
    assert_eq!(Model::of(ring), *model);
    let with_data = model.vnodes.iter().filter(|(_, (_, data))| !data.is_none());
    let with_data: Vec<Vnode> = with_data.map(|(vnode, _)| *vnode).collect();
    assert_eq!(ring.vnodes_with_data().collect::<Vec<_>>(), with_data);
    let statistics = ring.statistics();
    for (pnode, counted) in model.pnodes.iter().zip(&statistics.pnodes) {
        let owned = model.vnodes.iter().filter(|(_, (owner, _))| owner == pnode);
        let owned: Vec<Vnode> = owned.map(|(vnode, _)| *vnode).collect();
        assert_eq!((&counted.pnode, counted.vnodes as usize), (pnode, owned.len()));
        assert_eq!(ring.vnodes_of(pnode).unwrap(), owned);
    }
    assert_eq!(statistics.with_data as usize, with_data.len());

    let mut json = Vec::new();
    ring.write_json(&mut json).unwrap();
    let read = Ring::from_json(&json).unwrap();
    assert_eq!((&read, read.pnodes()), (ring, ring.pnodes()));
}

/// The older ring with the differences applied is the newer one.
fn check_diff(older: &Ring, newer: &Ring) {
    let diff = older.diff(newer);
    assert_eq!(diff.is_empty(), older == newer);
    let mut model = Model::of(older);
    for change in &diff.moved {
        let owner = &mut model.vnodes.get_mut(&change.vnode).unwrap().0;
        assert_eq!(std::mem::replace(owner, change.to.clone()), change.from);
    }
    for change in &diff.data_changed {
        let data = &mut model.vnodes.get_mut(&change.vnode).unwrap().1;
        assert_eq!(std::mem::replace(data, change.to.clone()), change.from);
    }
    assert_eq!(model.vnodes, Model::of(newer).vnodes);
    let mut pnodes: BTreeSet<&Pnode> = older.pnodes().iter().collect();
    assert!(diff.pnodes_removed.iter().all(|pnode| pnodes.remove(pnode)));
    assert!(diff.pnodes_added.iter().all(|pnode| pnodes.insert(pnode)));
    assert_eq!(pnodes, newer.pnodes().iter().collect());
}

proptest! {
    #[test]
    fn a_ring_behaves_as_a_map(edits in prop::collection::vec(edit(), 1..20)) {
        let pnodes = ["a", "b", "c"].map(|name| name.parse::<Pnode>().unwrap());
        let mut ring = Ring::create(Algorithm::Sha1, VNODES, pnodes.clone()).unwrap();
        let new = ring.clone();
        let mut model = Model::new(&pnodes);
        for edit in &edits {
            let before = model.clone();
            let possible = model.apply(edit);
            if !possible {
                model = before;
            }
            prop_assert_eq!(apply(&mut ring, edit), possible, "{:?}", edit);
            check(&ring, &model);
        }
        check_diff(&new, &ring);
        check_diff(&ring, &new);
    }
}

//! The rings that a plan needs, made from the present one, and the proof that they differ from it as planned.

use std::collections::BTreeMap;

use fash::{EditError, Move, OwnerChange, Pnode, Ring, Vnode, VnodeData};

/// The three rings that a plan needs, in the order in which they are put in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRings {
    /// The present ring with the moving vnodes read-only.
    pub read_only: Ring,
    /// The present ring with the moving vnodes at their new owners, and read-only there. It goes in place before the target,
    /// so that at no time a router writes a vnode at its new owner while another still reads it at the old one.
    pub handover: Ring,
    /// The present ring with the moving vnodes at their new owners.
    pub target: Ring,
}

/// A ring is not what the plan makes of the present one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RingMismatch {
    /// The present ring cannot be changed as planned.
    #[error("the plan does not fit the ring")]
    Edit(#[from] EditError),
    /// A vnode that is to move has data already.
    #[error(
        "vnode {vnode} has the data {data} already: somebody else is moving vnodes, or left it behind"
    )]
    HasData {
        /// The vnode.
        vnode: Vnode,
        /// Its data.
        data: String,
    },
    /// The new ring differs from the present one in something else than planned.
    #[error("the {ring} ring differs from the present one not as planned: {problem}")]
    Differs {
        /// The ring.
        ring: &'static str,
        /// In what.
        problem: String,
    },
}

impl PlanRings {
    /// Makes the rings, and audits them. All moves are from `source`.
    ///
    /// # Errors
    ///
    /// [`RingMismatch`]
    pub fn build(base: &Ring, source: &Pnode, moves: &[Move]) -> Result<Self, RingMismatch> {
        let moving: Vec<Vnode> = moves.iter().flat_map(|step| step.vnodes.clone()).collect();
        for vnode in &moving {
            let node = base.node(*vnode).map_err(EditError::from)?;
            if !node.data.is_none() {
                let data = node.data.to_json().to_string();
                return Err(RingMismatch::HasData { vnode: *vnode, data });
            }
        }
        let mut target = base.clone();
        target.remap(moves)?;
        let mut read_only = base.clone();
        read_only.set_data(&moving, VnodeData::read_only())?;
        audit_target(base, &target, source, moves)?;
        audit_read_only(base, &read_only, &moving)?;
        let mut handover = target.clone();
        handover.set_data(&moving, VnodeData::read_only())?;
        audit_read_only(&target, &handover, &moving)?;
        Ok(Self { read_only, handover, target })
    }
}

/// Proves that exactly the planned vnodes moved, each from the source to its new owner, and that nothing else changed.
///
/// # Errors
///
/// [`RingMismatch::Differs`]
pub fn audit_target(
    base: &Ring,
    target: &Ring,
    source: &Pnode,
    moves: &[Move],
) -> Result<(), RingMismatch> {
    let diff = base.diff(target);
    let moved: BTreeMap<Vnode, &Pnode> =
        moves.iter().flat_map(|step| step.vnodes.iter().map(|vnode| (*vnode, &step.to))).collect();
    let planned: Vec<OwnerChange> = moved
        .into_iter()
        .map(|(vnode, to)| OwnerChange { vnode, from: source.clone(), to: to.clone() })
        .collect();
    let new = |pnode: &Pnode| !base.pnodes().contains(pnode);
    let mut added: Vec<Pnode> =
        moves.iter().map(|step| step.to.clone()).filter(|pnode| new(pnode)).collect();
    added.dedup();
    let checks = [
        (same_shape(&diff), "its algorithm, vnodes or interval changed"),
        (diff.moved == planned, "other vnodes moved than planned"),
        (diff.pnodes_added == added, "other shards were added than planned"),
        (diff.pnodes_removed.is_empty(), "shards are missing"),
        (diff.data_changed.is_empty(), "vnodes have other data"),
    ];
    first_problem("target", checks)
}

/// Proves that exactly the moving vnodes became read-only, and that nothing else changed.
///
/// # Errors
///
/// [`RingMismatch::Differs`]
pub fn audit_read_only(
    base: &Ring,
    read_only: &Ring,
    moving: &[Vnode],
) -> Result<(), RingMismatch> {
    let diff = base.diff(read_only);
    let mut planned = moving.to_vec();
    planned.sort_unstable();
    let changed: Vec<Vnode> = diff.data_changed.iter().map(|change| change.vnode).collect();
    let all_read_only = diff.data_changed.iter().all(|change| change.to.is_read_only());
    let checks = [
        (same_shape(&diff), "its algorithm, vnodes or interval changed"),
        (diff.moved.is_empty(), "vnodes moved"),
        (diff.pnodes_added.is_empty() && diff.pnodes_removed.is_empty(), "shards came or went"),
        (changed == planned, "other vnodes have new data than planned"),
        (all_read_only, "vnodes have other data than `ro`"),
    ];
    first_problem("read-only", checks)
}

fn same_shape(diff: &fash::Diff) -> bool {
    diff.algorithm.is_none()
        && diff.vnode_count.is_none()
        && diff.interval.is_none()
        && diff.vnodes_added.is_empty()
        && diff.vnodes_removed.is_empty()
}

fn first_problem(
    ring: &'static str,
    checks: impl IntoIterator<Item = (bool, &'static str)>,
) -> Result<(), RingMismatch> {
    let problem = checks.into_iter().find(|(fine, _)| !fine);
    problem.map_or(Ok(()), |(_, problem)| {
        Err(RingMismatch::Differs { ring, problem: problem.to_owned() })
    })
}

#[cfg(test)]
mod tests {
    use fash::Algorithm;
    use proptest::prelude::*;

    use super::*;

    fn pnode(name: &str) -> Pnode {
        name.parse().unwrap()
    }

    fn base() -> Ring {
        Ring::create(Algorithm::Sha256, 64, [pnode("a"), pnode("b")]).unwrap()
    }

    fn vnodes(numbers: impl IntoIterator<Item = u32>) -> Vec<Vnode> {
        numbers.into_iter().map(Vnode::new).collect()
    }

    #[test]
    fn the_rings_are_as_planned() {
        let moves = [
            Move { vnodes: vnodes([4, 0]), to: pnode("c") },
            Move { vnodes: vnodes([2]), to: pnode("d") },
        ];
        let pair = PlanRings::build(&base(), &pnode("a"), &moves).unwrap();
        assert_eq!(pair.target.vnodes_of(&pnode("c")).unwrap(), vnodes([0, 4]));
        assert_eq!(pair.target.vnodes_with_data().count(), 0);
        assert_eq!(pair.read_only.vnodes_with_data().collect::<Vec<_>>(), vnodes([0, 2, 4]));
        assert_eq!(pair.read_only.pnodes(), base().pnodes());
        assert_eq!(pair.handover.vnodes_of(&pnode("c")).unwrap(), vnodes([0, 4]));
        assert_eq!(pair.handover.vnodes_with_data().collect::<Vec<_>>(), vnodes([0, 2, 4]));
    }

    #[test]
    fn vnodes_of_another_shard_do_not_move() {
        let moves = [Move { vnodes: vnodes([1]), to: pnode("c") }];
        let error = PlanRings::build(&base(), &pnode("a"), &moves).unwrap_err();
        assert!(matches!(error, RingMismatch::Differs { ring: "target", .. }), "{error}");
        let moves = [Move { vnodes: vnodes([64]), to: pnode("c") }];
        let error = PlanRings::build(&base(), &pnode("a"), &moves).unwrap_err();
        assert!(matches!(error, RingMismatch::Edit(_)), "{error}");
    }

    #[test]
    fn a_vnode_that_somebody_marked_is_not_touched() {
        let mut base = base();
        base.set_data(&vnodes([2]), VnodeData::read_only()).unwrap();
        let moves = [Move { vnodes: vnodes([0, 2]), to: pnode("c") }];
        let error = PlanRings::build(&base, &pnode("a"), &moves).unwrap_err();
        assert_eq!(
            error.to_string().split(':').next().unwrap(),
            "vnode 2 has the data \"ro\" already"
        );
    }

    proptest! {
        /// Whatever is done to a ring besides what was planned is found.
        #[test]
        fn a_change_too_many_is_found(other in 0u32..64, kind in 0u8..3) {
            let moves = [Move { vnodes: vnodes([0, 2, 4]), to: pnode("c") }];
            let pair = PlanRings::build(&base(), &pnode("a"), &moves).unwrap();
            let (mut target, mut read_only) = (pair.target, pair.read_only);
            let other = Vnode::new(other);
            match kind {
                0 => {
                    let to = if *target.node(other).unwrap().pnode == pnode("a") { "b" } else { "a" };
                    target.remap(&[Move { vnodes: vec![other], to: pnode(to) }]).unwrap();
                    prop_assert!(audit_target(&base(), &target, &pnode("a"), &moves).is_err());
                }
                1 => {
                    target.set_data(&[other], VnodeData::read_only()).unwrap();
                    prop_assert!(audit_target(&base(), &target, &pnode("a"), &moves).is_err());
                }
                _ => {
                    let planned = [0, 2, 4].contains(&other.number());
                    let data = if planned { VnodeData::NONE } else { VnodeData::read_only() };
                    read_only.set_data(&[other], data).unwrap();
                    let audit = audit_read_only(&base(), &read_only, &vnodes([0, 2, 4]));
                    prop_assert!(audit.is_err());
                }
            }
        }
    }
}

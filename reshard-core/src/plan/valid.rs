//! A plan whose parts fit each other: what the executor and its phases work with.

use std::collections::HashMap;
use std::ops::Deref;

use fash::Vnode;
use manatee_client::ShardName;

use super::{InvalidPlan, Move, Plan, Target};
use crate::VnodeSet;
use crate::inventory::ShardFacts;

/// A plan that was checked, with what its parts say together. The plan itself cannot be changed any more.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidPlan {
    plan: Plan,
    source: ShardName,
    source_facts: ShardFacts,
    targets: Vec<Target>,
}

impl Deref for ValidPlan {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plan
    }
}

impl ValidPlan {
    /// Checks whether a plan can be carried out as it is: its vnodes move from one shard, which the inventory has, to new shards.
    ///
    /// # Errors
    ///
    /// [`InvalidPlan`] names the member that does not fit.
    pub fn new(plan: Plan) -> Result<Self, InvalidPlan> {
        let source = one_source(&plan)?.clone();
        let facts = plan.inventory.shards.get(&source).cloned();
        let source_facts =
            facts.ok_or_else(|| InvalidPlan::NotInventoried { shard: source.clone() })?;
        check_vnodes(&plan, &source)?;
        let targets = targets(&plan)?;
        Ok(Self { plan, source, source_facts, targets })
    }

    /// The shard that the vnodes move from.
    pub fn source(&self) -> &ShardName {
        &self.source
    }

    /// The facts about the source in the inventory.
    pub fn source_facts(&self) -> &ShardFacts {
        &self.source_facts
    }

    /// The new shards with the vnodes that move to them, in the order of the moves.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// The names of the new shards, in the order of the moves.
    pub fn target_names(&self) -> Vec<String> {
        self.targets.iter().map(|target| target.name.to_string()).collect()
    }

    /// All vnodes that move.
    pub fn moving(&self) -> VnodeSet {
        self.moves.iter().flat_map(|one| one.vnodes.iter()).collect()
    }
}

fn one_source(plan: &Plan) -> Result<&ShardName, InvalidPlan> {
    let Move { from: first, .. } = plan.moves.first().ok_or(InvalidPlan::NoMoves)?;
    for (index, Move { from, .. }) in plan.moves.iter().enumerate() {
        if from != first {
            let (from, first) = (from.clone(), first.clone());
            return Err(InvalidPlan::SeveralSources { index, from, first });
        }
    }
    if plan.request.source != *first {
        let (request, from) = (plan.request.source.clone(), first.clone());
        return Err(InvalidPlan::OtherRequest { request, from });
    }
    Ok(first)
}

fn check_vnodes(plan: &Plan, source: &ShardName) -> Result<(), InvalidPlan> {
    let owned = plan.inventory.ring.vnodes_of(source);
    let mut moved: HashMap<Vnode, usize> = HashMap::new();
    for (index, one) in plan.moves.iter().enumerate() {
        if one.vnodes.is_empty() {
            return Err(InvalidPlan::NoVnodes { index });
        }
        for vnode in one.vnodes.iter() {
            if !owned.is_some_and(|owned| owned.contains(vnode)) {
                return Err(InvalidPlan::NotOfSource { index, vnode, from: source.clone() });
            }
            if let Some(first) = moved.insert(vnode, index) {
                return Err(InvalidPlan::MovesTwice { index, vnode, first });
            }
        }
    }
    Ok(())
}

fn targets(plan: &Plan) -> Result<Vec<Target>, InvalidPlan> {
    let mut targets: Vec<Target> = Vec::new();
    for (index, one) in plan.moves.iter().enumerate() {
        let shard = &one.to;
        let created = plan.new_shards.get(shard);
        let created =
            created.ok_or_else(|| InvalidPlan::NotCreated { index, shard: shard.clone() })?;
        if let Some(first) = targets.iter().position(|target| target.name == *shard) {
            return Err(InvalidPlan::SameTarget { index, first, shard: shard.clone() });
        }
        targets.push(Target::of(one, created));
    }
    for shard in plan.new_shards.keys() {
        if plan.inventory.shard_names.contains(shard) {
            return Err(InvalidPlan::NotNew { shard: shard.clone() });
        }
        if !targets.iter().any(|target| target.name == *shard) {
            return Err(InvalidPlan::Unused { shard: shard.clone() });
        }
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{inventory, make, request};
    use crate::plan::{PlanUuid, Request, example};

    fn name(number: u32) -> ShardName {
        format!("{number}.moray.lab.example.net").parse().unwrap()
    }

    /// The words for a plan of three new shards to which this was done.
    fn refused(change: impl FnOnce(&mut Plan)) -> String {
        let request = Request { new_shards: 3, ..request() };
        let mut plan = make(request, inventory(2, 1000)).unwrap();
        change(&mut plan);
        ValidPlan::new(plan).unwrap_err().to_string()
    }

    #[test]
    fn what_does_not_fit_is_refused_by_its_member() {
        assert_eq!(refused(|plan| plan.moves.clear()), "moves: there are none");
        assert_eq!(
            refused(|plan| plan.moves[2].from = name(1)),
            "moves.2.from: it is 1.moray.lab.example.net, and that of moves.0 is 2.moray.lab.example.net: one plan moves \
             vnodes of one shard"
        );
        assert_eq!(
            refused(|plan| plan.request.source = name(1)),
            "request.source: it is 1.moray.lab.example.net, and the moves are from 2.moray.lab.example.net"
        );
        assert_eq!(
            refused(|plan| plan.inventory.shards.clear()),
            "moves.0.from: inventory.shards does not have 2.moray.lab.example.net"
        );
        assert_eq!(
            refused(|plan| plan.moves[1].to = name(1)),
            "moves.1.to: new_shards does not have 1.moray.lab.example.net: vnodes move to shards that the plan creates"
        );
        assert_eq!(
            refused(|plan| drop(plan.new_shards.remove(&name(5)))),
            "moves.2.to: new_shards does not have 5.moray.lab.example.net: vnodes move to shards that the plan creates"
        );
        assert_eq!(
            refused(|plan| plan.moves[2].to = name(3)),
            "moves.2.to: moves.0 goes to 3.moray.lab.example.net already"
        );
        assert_eq!(
            refused(|plan| drop(plan.moves.remove(1))),
            "new_shards.4.moray.lab.example.net: no move goes to it"
        );
        assert_eq!(
            refused(|plan| plan.inventory.shard_names.push(name(4))),
            "new_shards.4.moray.lab.example.net: inventory.shard_names has it already"
        );
    }

    #[test]
    fn vnodes_move_once_and_from_their_owner() {
        assert_eq!(
            refused(|plan| plan.moves[1].vnodes = VnodeSet::default()),
            "moves.1.vnodes: there are none"
        );
        let twice = |plan: &mut Plan| {
            let first = plan.moves[0].vnodes.iter().next().unwrap();
            plan.moves[2].vnodes = plan.moves[2].vnodes.iter().chain([first]).collect();
        };
        assert_eq!(refused(twice), "moves.2.vnodes: the vnode 3 moves in moves.0 already");
        let of_other =
            "moves.1.vnodes: in inventory.ring the vnode 0 is not one of 2.moray.lab.example.net";
        assert_eq!(refused(|plan| plan.moves[1].vnodes = "0".parse().unwrap()), of_other);
        assert!(refused(|plan| plan.inventory.ring.pnodes.clear()).starts_with("moves.0.vnodes: "));
    }

    #[test]
    fn targets_are_in_the_order_of_the_moves() {
        // As text, 10 is before 9.
        let request = Request { new_shards: 2, numbers: vec![9, 10], ..request() };
        let plan = ValidPlan::new(make(request, inventory(2, 1000)).unwrap()).unwrap();
        assert_eq!(plan.new_shards.keys().collect::<Vec<_>>(), [&name(10), &name(9)]);
        assert_eq!(plan.target_names(), [name(9).to_string(), name(10).to_string()]);
        for (target, one) in plan.targets().iter().zip(&plan.moves) {
            assert_eq!((&target.name, &target.vnodes), (&one.to, &one.vnodes));
            assert_eq!(target.peers, plan.new_shards[&one.to].peers);
        }
    }

    #[test]
    fn the_source_is_where_the_vnodes_are() {
        let plan = ValidPlan::new(example(PlanUuid::random())).unwrap();
        assert_eq!(plan.source(), &name(2));
        assert_eq!(plan.source_facts(), &plan.inventory.shards[&name(2)]);
        let owned = plan.inventory.ring.vnodes_of(plan.source()).unwrap();
        assert_eq!(plan.moving().minus(owned), VnodeSet::default());
    }
}

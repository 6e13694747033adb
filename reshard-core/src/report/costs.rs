//! The costs of the steps as a plan was carried out.

use super::Report;
use crate::cutover::{CutoverRecord, Verdict};
use crate::journal::PhaseState;
use crate::plan::{Costs, ValidPlan, longest_zone, router_rounds};

/// A phase that took less than this, in seconds, tells nothing of how fast bytes and rows go.
const TOO_SHORT: f64 = 1.0;

impl Costs {
    /// The costs of the steps as a plan was carried out, to predict the next one of the same region by. What was not done, was
    /// interrupted, or was too short to tell anything has its default.
    #[expect(clippy::cast_precision_loss, reason = "predictions are not that precise")]
    pub fn observed(plan: &ValidPlan, report: &Report) -> Self {
        let mut costs = Self::default();
        let took = |name: &str| {
            let phase = report.phases.iter().find(|phase| phase.name == name)?;
            let undisturbed = phase.state == PhaseState::Done && phase.attempts == 1;
            phase.seconds.filter(|_| undisturbed)
        };
        let rounds = router_rounds(&plan.inventory, costs.router_concurrency).max(1) as f64;
        let processes = longest_zone(&plan.inventory).max(1) as f64;
        let peers =
            plan.targets().iter().map(|target| target.peers.len()).sum::<usize>().max(1) as f64;
        let database = plan.source_facts().database_bytes as f64;
        let flips = ["block-writes", "hand-over-reads", "install-ring"].map(took);
        if let [Some(block), Some(hand_over), Some(install)] = flips {
            costs.router_flip = (block + hand_over + install) / 3.0 / rounds / processes;
        }
        if let Some(flip) = took("flip-routers") {
            costs.router_flip = flip / rounds / processes;
        }
        let waited =
            |record: &CutoverRecord| record.block().filter(|_| record.verdict == Verdict::Done);
        if let Some(cutover) = report.cutovers.iter().rev().find_map(waited) {
            costs.cutover = cutover.as_secs_f64();
        }
        if let Some(publish) = took("publish-ring").or_else(|| took("name-ring")) {
            costs.sapi_change = publish;
        }
        if let Some(list) = took("list-shard") {
            costs.router_configuration = (list - costs.sapi_change).max(0.0) / rounds;
        }
        costs.shard_start = took("split-shard").unwrap_or(costs.shard_start);
        costs.drain = took("drain").unwrap_or(costs.drain);
        if let Some(provision) = took("provision-peers") {
            costs.provision = provision / peers;
        }
        if let Some(restore) = took("catch-up").filter(|&seconds| seconds > TOO_SHORT) {
            costs.restore_bytes = peers * database / restore;
        }
        if let Some(stage) = took("stage-rings") {
            costs.ring_stage = stage / rounds / 2.0;
        }
        if let Some(build) = took("build-rings") {
            costs.ring_build = build * 1e6 / f64::from(plan.inventory.ring.vnode_count.max(1));
        }
        let rows = plan.prediction.ghost_rows.filter(|&rows| rows > 0);
        let delete = took("delete-ghosts").filter(|&seconds| seconds > TOO_SHORT);
        if let (Some(rows), Some(delete)) = (rows, delete) {
            costs.delete_rows = rows as f64 / delete;
        }
        costs
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::*;
    use crate::journal::PlanState;
    use crate::plan::{PlanUuid, example};
    use crate::report::{PhaseReport, WriteBlockReport};

    /// A report of a plan whose phases took so many seconds.
    fn report(plan: &ValidPlan, took: &[(&str, f64, u32)]) -> Report {
        let phases = took.iter().map(|&(name, seconds, attempts)| PhaseReport {
            name: name.to_owned(),
            title: String::new(),
            state: PhaseState::Done,
            began: Timestamp::UNIX_EPOCH,
            ended: Some(Timestamp::UNIX_EPOCH),
            seconds: Some(seconds),
            attempts,
        });
        Report {
            plan: plan.uuid,
            hash: plan.hash.clone(),
            state: PlanState::Done,
            source: plan.source().to_string(),
            targets: Vec::new(),
            began: None,
            ended: None,
            total_seconds: None,
            balance: Vec::new(),
            write_block: WriteBlockReport {
                predicted_seconds: 0.0,
                predicted_parts: Vec::new(),
                measured_seconds: None,
                measured_parts: Vec::new(),
                all: Vec::new(),
            },
            cutovers: Vec::new(),
            phases: phases.collect(),
            facts: BTreeMap::new(),
            holds: Vec::new(),
            troubles: 0,
            notes: Vec::new(),
        }
    }

    #[test]
    fn what_was_observed_is_what_is_predicted_for_the_same_plan() {
        let plan = ValidPlan::new(example(PlanUuid::random())).unwrap();
        let took = [
            ("block-writes", 2.0, 1),
            ("drain", 0.5, 1),
            ("split-shard", 7.0, 1),
            ("list-shard", 1.0, 1),
            ("hand-over-reads", 2.0, 1),
            ("publish-ring", 0.25, 1),
            ("install-ring", 2.0, 1),
        ];
        let costs = Costs::observed(&plan, &report(&plan, &took));
        let again = crate::plan::predict(
            plan.request.mode,
            &plan.inventory,
            plan.source_facts(),
            plan.targets(),
            &costs,
        );
        let measured: f64 = took.iter().map(|(_, seconds, _)| seconds).sum();
        assert!((again.write_block_seconds - measured).abs() < 1e-9, "{again:?}");
    }

    #[test]
    fn what_was_interrupted_tells_nothing() {
        let plan = ValidPlan::new(example(PlanUuid::random())).unwrap();
        let costs = Costs::observed(&plan, &report(&plan, &[("drain", 900.0, 2)]));
        assert_eq!(costs, Costs::default());
    }
}

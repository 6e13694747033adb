//! The costs of single steps: guessed, or as observed when an earlier plan was carried out.

use serde::{Deserialize, Serialize};

use super::Plan;
use super::predict::{longest_zone, router_rounds};
use crate::journal::{Knobs, PhaseState};
use crate::report::Report;

/// A phase that took less than this, in seconds, tells nothing of how fast bytes and rows go.
const TOO_SHORT: f64 = 1.0;

/// The times of single steps, in seconds, and how fast bytes and rows go. The defaults are guesses, on the slow side of what was
/// measured; [`Costs::observed`] has those of a plan that was carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Costs {
    /// Stopping an electric-moray process, exchanging its ring, starting it, and seeing that it runs.
    pub router_flip: f64,
    /// Zones of electric-moray that are changed at the same time.
    pub router_concurrency: u32,
    /// Restarting a zone's config-agent and seeing the new configuration.
    pub router_configuration: f64,
    /// A change in SAPI.
    pub sapi_change: f64,
    /// Stopping the sitters of the new peers, giving them their new shard, and starting them until its primary takes writes
    /// and its Moray answers; all new shards at once.
    pub shard_start: f64,
    /// Replaying what was written last.
    pub drain: f64,
    /// Making a zone.
    pub provision: f64,
    /// Bytes per second of all restores together.
    pub restore_bytes: f64,
    /// Fetching and unpacking a ring image in a router's zone.
    pub ring_stage: f64,
    /// Building, checking, packing and importing both rings, for a million vnodes.
    pub ring_build: f64,
    /// Ghost rows deleted per second.
    pub delete_rows: f64,
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            router_flip: 3.0,
            router_concurrency: Knobs::default().router_concurrency,
            router_configuration: 3.0,
            sapi_change: 0.5,
            shard_start: 27.0,
            drain: 2.0,
            provision: 90.0,
            restore_bytes: 60e6,
            ring_stage: 10.0,
            ring_build: 30.0,
            delete_rows: 2000.0,
        }
    }
}

impl Costs {
    /// The costs of the steps as a plan was carried out, to predict the next one of the same region by. What was not done, was
    /// interrupted, or was too short to tell anything has its default.
    #[expect(clippy::cast_precision_loss, reason = "predictions are not that precise")]
    pub fn observed(plan: &Plan, report: &Report) -> Self {
        let mut costs = Self::default();
        let took = |name: &str| {
            let phase = report.phases.iter().find(|phase| phase.name == name)?;
            let undisturbed = phase.state == PhaseState::Done && phase.attempts == 1;
            phase.seconds.filter(|_| undisturbed)
        };
        let rounds = router_rounds(&plan.inventory, costs.router_concurrency).max(1) as f64;
        let processes = longest_zone(&plan.inventory).max(1) as f64;
        let peers =
            plan.targets.iter().map(|target| target.peers.len()).sum::<usize>().max(1) as f64;
        let database = plan.inventory.source.database_bytes as f64;
        let flips = ["block-writes", "hand-over-reads", "install-ring"].map(took);
        if let [Some(block), Some(hand_over), Some(install)] = flips {
            costs.router_flip = (block + hand_over + install) / 3.0 / rounds / processes;
        }
        if let Some(publish) = took("publish-ring") {
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
    fn report(plan: &Plan, took: &[(&str, f64, u32)]) -> Report {
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
            source: plan.request.source.to_string(),
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
            phases: phases.collect(),
            facts: BTreeMap::new(),
            holds: Vec::new(),
            troubles: 0,
            notes: Vec::new(),
        }
    }

    #[test]
    fn what_was_observed_is_what_is_predicted_for_the_same_plan() {
        let plan = example(PlanUuid::random());
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
        let again = super::super::predict::predict(&plan.inventory, &plan.targets, &costs);
        let measured: f64 = took.iter().map(|(_, seconds, _)| seconds).sum();
        assert!((again.write_block_seconds - measured).abs() < 1e-9, "{again:?}");
    }

    #[test]
    fn what_was_interrupted_tells_nothing() {
        let plan = example(PlanUuid::random());
        let costs = Costs::observed(&plan, &report(&plan, &[("drain", 900.0, 2)]));
        assert_eq!(costs, Costs::default());
    }
}

//! The parts of a prediction, and the phases that they are of.

use super::Prediction;

pub(super) const PEERS: &str = "making the peers";
pub(super) const RESTORE: &str = "restoring the peers";
pub(super) const MORAYS: &str = "making the Moray zones";
pub(super) const BUILD: &str = "building the rings";
pub(super) const STAGE: &str = "staging the rings";
pub(super) const BLOCK: &str = "the write block";
pub(super) const DELETE: &str = "deleting the rows that are left over";

pub(super) const CUTOVER: &str = "requests wait at the cutover";
pub(super) const ROUTE: &str = "the new ring on every electric-moray, at leisure";
pub(super) const READ_ONLY: &str = "the read-only ring on every electric-moray";
pub(super) const DRAIN: &str = "replaying the last writes";
pub(super) const START: &str = "the new shards start";
pub(super) const LIST: &str = "the new shards in SAPI and in every electric-moray's configuration";
pub(super) const HAND_OVER: &str = "the new ring on every electric-moray, read-only";
pub(super) const PUBLISH: &str = "the new ring in SAPI";
pub(super) const INSTALL: &str = "the new ring on every electric-moray";

/// Every phase that takes long enough to be predicted.
const PARTS: [(&str, &str); 15] = [
    ("provision-peers", PEERS),
    ("catch-up", RESTORE),
    ("provision-morays", MORAYS),
    ("build-rings", BUILD),
    ("stage-rings", STAGE),
    ("block-writes", READ_ONLY),
    ("drain", DRAIN),
    ("split-shard", START),
    ("list-shard", LIST),
    ("hand-over-reads", HAND_OVER),
    ("publish-ring", PUBLISH),
    ("install-ring", INSTALL),
    ("flip-routers", ROUTE),
    ("cut-over", CUTOVER),
    ("delete-ghosts", DELETE),
];

impl Prediction {
    /// The seconds that a phase takes. Absent for one that takes next to no time, and where the plan was made by a version
    /// that put it differently.
    pub fn seconds_of(&self, phase: &str) -> Option<f64> {
        let (_, part) = PARTS.iter().find(|(name, _)| *name == phase)?;
        let parts = self.total_parts.iter().chain(&self.write_block_parts);
        parts.into_iter().find(|(what, _)| what == part).map(|(_, seconds)| *seconds)
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{Mode, PlanUuid, example};

    #[test]
    fn the_phases_together_take_what_the_whole_takes() {
        let prediction = example(PlanUuid::random()).prediction;
        let phases = Mode::Rfd103.sequence().unwrap();
        let sum = |of: &dyn Fn(&str) -> bool| -> f64 {
            let names = phases.iter().map(|phase| phase.name()).filter(|name| of(name));
            names.filter_map(|name| prediction.seconds_of(name)).sum()
        };
        assert!((sum(&|_| true) - prediction.total_seconds).abs() < 1e-9);
        let blocked = |name: &str| {
            phases.iter().any(|phase| phase.name() == name && phase.write_block().touches())
        };
        assert!((sum(&blocked) - prediction.write_block_seconds).abs() < 1e-9);
    }
}

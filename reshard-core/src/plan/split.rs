//! The split that a plan makes.

use super::Plan;
use crate::rows::Split;

impl Split {
    /// The split of a plan.
    pub fn of(plan: &Plan) -> Self {
        Self::new(
            plan.inventory.ring.hashing.clone(),
            plan.request.source.clone(),
            plan.targets.iter().map(|target| (&target.name, &target.vnodes)),
        )
    }
}

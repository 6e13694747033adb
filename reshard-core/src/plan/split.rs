//! The split that a plan makes.

use super::ValidPlan;
use crate::rows::Split;

impl Split {
    /// The split of a plan.
    pub fn of(plan: &ValidPlan) -> Self {
        Self::new(
            plan.inventory.ring.hashing.clone(),
            plan.source().clone(),
            plan.targets().iter().map(|target| (&target.name, &target.vnodes)),
        )
    }
}

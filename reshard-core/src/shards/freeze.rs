//! Freezes whose owner is a plan.

use jiff::Timestamp;
use manatee_client::{ClusterState, Frozen, Shard, ShardError, Unfrozen};

use crate::plan::PlanUuid;

/// Freezes a shard for a plan. Doing so twice is the same as once.
///
/// # Errors
///
/// [`ShardError::FrozenByOther`]; [`ShardError`].
pub async fn freeze_for_plan(
    shard: &Shard,
    plan: PlanUuid,
    at: Timestamp,
) -> Result<Frozen, ShardError> {
    let owner = plan.to_string();
    shard.freeze(at, &reason(plan), &owner).await
}

/// Lifts the freeze of a plan. Doing so twice is the same as once.
///
/// # Errors
///
/// [`ShardError::FrozenByOther`]; [`ShardError`].
pub async fn unfreeze_for_plan(shard: &Shard, plan: PlanUuid) -> Result<Unfrozen, ShardError> {
    shard.unfreeze(&plan.to_string()).await
}

/// Tells whether the state is frozen, and by the plan.
pub fn frozen_for_plan(state: &ClusterState, plan: PlanUuid) -> bool {
    let owner = state.freeze.as_ref().and_then(|freeze| freeze.owner());
    owner == Some(plan.to_string().as_str())
}

/// The reason that manatee-adm shows.
pub(super) fn reason(plan: PlanUuid) -> String {
    format!("reshard plan {plan}")
}

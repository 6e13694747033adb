//! The lock on the ring: one plan at a time changes it.

use jiff::Timestamp;
use manatee_client::{HeldLock, Lock, LockState, Takeover};

use super::RingError;
use crate::deployment::Deployment;
use crate::plan::PlanUuid;

/// Where the locks are in ZooKeeper.
const LOCKS: &str = "/manta_reshard";
/// The ring's.
const RING: &str = "ring";

fn lock(deployment: &Deployment) -> Result<Lock, RingError> {
    Ok(Lock::new(deployment.session().clone(), LOCKS, RING)?)
}

/// Takes the ring's lock for a plan, or finds it taken by it. An executor that dies leaves it behind: then no other plan
/// gets it, and the next executor of the same plan does.
///
/// # Errors
///
/// [`RingError::Lock`]
pub async fn reserve_ring(
    deployment: &Deployment,
    plan: PlanUuid,
    now: Timestamp,
) -> Result<HeldLock, RingError> {
    Ok(lock(deployment)?.try_acquire(&plan.to_string(), now, Takeover::Own).await?)
}

/// Gives the ring's lock back, if the plan has it.
///
/// # Errors
///
/// [`RingError::Lock`]
pub async fn release_ring(
    deployment: &Deployment,
    plan: PlanUuid,
    now: Timestamp,
) -> Result<(), RingError> {
    let lock = lock(deployment)?;
    let owner = match lock.state().await? {
        LockState::Free => None,
        LockState::Held(record) | LockState::Abandoned(record) => record.owner,
    };
    if owner.is_some_and(|owner| owner == plan.to_string()) {
        reserve_ring(deployment, plan, now).await?.release().await?;
    }
    Ok(())
}

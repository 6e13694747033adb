//! The lease: what makes an executor the only one of its plan.

use std::sync::Arc;

use manatee_client::HeldLock;

use super::epoch_note::EpochNote;
use crate::deployment::Deployment;
use crate::plan::ValidPlan;

/// The plan, the region, and the lock that makes this the plan's only executor.
pub(crate) struct Lease {
    pub(crate) plan: Arc<ValidPlan>,
    pub(crate) deployment: Deployment,
    pub(crate) lock: HeldLock,
    /// The note of what ZooKeeper knows of the plan.
    pub(crate) epoch: Arc<EpochNote>,
}

//! The plans that ZooKeeper knows.

use std::collections::BTreeMap;

use manatee_client::{Lock, LockState};
use serde::Serialize;

use super::Holding;
use super::holding::holdings;
use crate::deployment::Deployment;
use crate::executor::PLAN_LOCKS;
use crate::inventory::InventoryError;
use crate::plan::PlanUuid;

/// A plan as ZooKeeper knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanOverview {
    /// The plan.
    pub plan: PlanUuid,
    /// Whether somebody carries it out.
    pub executor: Executing,
    /// What it keeps for itself.
    pub holds: Vec<Holding>,
}

/// Whether somebody carries a plan out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "executor", rename_all = "kebab-case")]
pub enum Executing {
    /// Nobody: the last one left it in order.
    Nobody,
    /// Somebody whose session with ZooKeeper lives.
    Alive {
        /// Since when.
        since: Option<String>,
    },
    /// Somebody did, whose session has ended in the middle of it.
    Died {
        /// Since when it had the plan.
        since: Option<String>,
    },
}

impl From<LockState> for Executing {
    fn from(state: LockState) -> Self {
        match state {
            LockState::Free => Self::Nobody,
            LockState::Held(record) => Self::Alive { since: record.since },
            LockState::Abandoned(record) => Self::Died { since: record.since },
        }
    }
}

/// All plans that ZooKeeper knows, by their UUIDs. Nothing is changed.
///
/// # Errors
///
/// [`InventoryError`]
pub async fn plans_overview(deployment: &Deployment) -> Result<Vec<PlanOverview>, InventoryError> {
    let mut held: BTreeMap<PlanUuid, Vec<Holding>> = BTreeMap::new();
    for holding in holdings(deployment).await? {
        held.entry(holding.plan).or_default().push(holding);
    }
    for name in Lock::list(deployment.session(), PLAN_LOCKS).await? {
        if let Ok(plan) = name.parse() {
            held.entry(plan).or_default();
        }
    }
    let mut plans = Vec::new();
    for (plan, holds) in held {
        plans.push(PlanOverview { plan, executor: executing(deployment, plan).await?, holds });
    }
    Ok(plans)
}

pub(super) fn lock_of(deployment: &Deployment, plan: PlanUuid) -> Result<Lock, InventoryError> {
    Ok(Lock::new(deployment.session().clone(), PLAN_LOCKS, &plan.to_string())?)
}

pub(super) async fn executing(
    deployment: &Deployment,
    plan: PlanUuid,
) -> Result<Executing, InventoryError> {
    Ok(lock_of(deployment, plan)?.state().await?.into())
}

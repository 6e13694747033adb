//! The plans that ZooKeeper knows.

use std::collections::BTreeMap;

use manatee_client::LockState;
use serde::Serialize;

use super::Holding;
use super::holding::holdings;
use crate::causes::Chain;
use crate::deployment::Deployment;
use crate::epoch::{Epoch, EpochError, KnownPlan, known_plans};
use crate::inventory::InventoryError;
use crate::plan::PlanUuid;

/// A plan as ZooKeeper knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanOverview {
    /// The plan.
    pub plan: PlanUuid,
    /// The epoch that its last executor told; absent if none has got so far.
    pub epoch: Option<Epoch>,
    /// The one who carries it out, or nobody; absent if that cannot be seen.
    pub executor: Option<Executing>,
    /// The things that it keeps for itself.
    pub holds: Vec<Holding>,
    /// The things that cannot be seen of it, and why not.
    pub unknown: Vec<String>,
}

impl PlanOverview {
    fn of(known: KnownPlan, holds: Vec<Holding>) -> Self {
        let mut unknown = Vec::new();
        let epoch = known.epoch.unwrap_or_else(|error| {
            unknown.push(Chain(&error).to_string());
            None
        });
        let executor = match known.lock {
            Ok(state) => Some(state.into()),
            Err(error) => {
                unknown.push(Chain(&error).to_string());
                None
            }
        };
        Self { plan: known.plan, epoch, executor, holds, unknown }
    }
}

/// The one who carries a plan out, or nobody.
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
/// [`PlansError`]
pub async fn plans_overview(deployment: &Deployment) -> Result<Vec<PlanOverview>, PlansError> {
    let mut held: BTreeMap<PlanUuid, Vec<Holding>> = BTreeMap::new();
    for holding in holdings(deployment).await? {
        held.entry(holding.plan).or_default().push(holding);
    }
    let mut plans: Vec<PlanOverview> = known_plans(deployment)
        .await?
        .into_iter()
        .map(|known| {
            let holds = held.remove(&known.plan).unwrap_or_default();
            PlanOverview::of(known, holds)
        })
        .collect();
    // What has a reservation and was never carried out.
    plans.extend(held.into_iter().map(|(plan, holds)| {
        PlanOverview::of(KnownPlan { plan, epoch: Ok(None), lock: Ok(LockState::Free) }, holds)
    }));
    plans.sort_by_key(|it| it.plan);
    Ok(plans)
}

/// The plans cannot be listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlansError {
    /// The things that plans keep for themselves cannot be read.
    #[error(transparent)]
    Holdings(#[from] InventoryError),
    /// The epochs that executors have told cannot be read.
    #[error(transparent)]
    Epochs(#[from] EpochError),
}

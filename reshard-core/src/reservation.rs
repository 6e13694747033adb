//! Reservations of a plan: locks in ZooKeeper that outlive its executors.

use std::collections::BTreeMap;

use jiff::Timestamp;
use manatee_client::{HeldLock, Lock, LockError, LockState, ShardName, Takeover};

use crate::deployment::Deployment;
use crate::plan_uuid::PlanUuid;

/// The place of the reservations in ZooKeeper.
const RESERVATIONS: &str = "/manta_reshard";
/// The place of those of shards' names.
pub(crate) const NAMES: &str = "/manta_reshard/shards";

/// Something that only one plan at a time may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation<'a> {
    /// Changing the ring.
    Ring,
    /// The name of a new shard.
    Name(&'a ShardName),
}

impl Reservation<'_> {
    pub(crate) fn lock(self, deployment: &Deployment) -> Result<Lock, LockError> {
        let (directory, name) = match self {
            Self::Ring => (RESERVATIONS, "ring"),
            Self::Name(name) => (NAMES, name.as_str()),
        };
        Lock::new(deployment.session().clone(), directory, name)
    }

    /// Reserves it for a plan, or finds it reserved by it. An executor that dies leaves it behind: then no other plan gets
    /// it, and the next executor of the same plan does, when ZooKeeper knows that the one before is gone.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] and [`LockError::Abandoned`] if another plan has it; [`LockError`].
    pub async fn take(
        self,
        deployment: &Deployment,
        plan: PlanUuid,
        now: Timestamp,
    ) -> Result<HeldLock, LockError> {
        let (lock, owner) = (self.lock(deployment)?, plan.to_string());
        match lock.try_acquire(&owner, now, Takeover::Own).await {
            Err(LockError::Held { record, .. }) if record.owner.as_ref() == Some(&owner) => {
                let patience = deployment.session_expiry_grace();
                lock.acquire(&owner, now, Takeover::Own, patience).await
            }
            taken => taken,
        }
    }

    /// Takes it over from an executor of the same plan; `None` if the plan does not have it.
    ///
    /// # Errors
    ///
    /// [`LockError`]
    pub async fn keep(
        self,
        deployment: &Deployment,
        plan: PlanUuid,
        now: Timestamp,
    ) -> Result<Option<HeldLock>, LockError> {
        let owner = owner_of(self.lock(deployment)?.state().await?);
        if owner.is_none_or(|owner| owner != plan.to_string()) {
            return Ok(None);
        }
        self.take(deployment, plan, now).await.map(Some)
    }

    /// Gives it back, if the plan has it.
    ///
    /// # Errors
    ///
    /// [`LockError`]
    pub async fn give_back(
        self,
        deployment: &Deployment,
        plan: PlanUuid,
        now: Timestamp,
    ) -> Result<(), LockError> {
        match self.keep(deployment, plan, now).await? {
            Some(held) => held.release().await,
            None => Ok(()),
        }
    }
}

/// The names of new shards that are reserved, and the plans that have them.
///
/// # Errors
///
/// [`LockError`]
pub async fn reserved_names(
    deployment: &Deployment,
) -> Result<BTreeMap<String, String>, LockError> {
    let session = deployment.session();
    let failed = |source| LockError::ZooKeeper { lock: NAMES.to_owned(), source };
    let mut reserved = BTreeMap::new();
    for name in Lock::list(session, NAMES).await.map_err(failed)? {
        let state = Lock::new(session.clone(), NAMES, &name)?.state().await?;
        if let Some(owner) = owner_of(state) {
            reserved.insert(name, owner);
        }
    }
    Ok(reserved)
}

fn owner_of(state: LockState) -> Option<String> {
    match state {
        LockState::Free => None,
        LockState::Held(record) | LockState::Abandoned(record) => record.owner,
    }
}

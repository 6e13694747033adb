//! Things that a plan keeps for itself, wherever they are written down.

use std::fmt;

use manatee_client::{DumpLock, DumpLockState, Lock, LockState, Shard, ShardName};
use serde::Serialize;

use crate::deployment::Deployment;
use crate::inventory::InventoryError;
use crate::plan::PlanUuid;
use crate::reservation::{NAMES, Reservation};

/// Something that a plan keeps for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kept", content = "shard", rename_all = "kebab-case")]
pub enum Kept {
    /// No other plan may change the ring.
    Ring,
    /// No other plan may call a new shard so.
    Name(ShardName),
    /// No nightly dump begins.
    Dumps,
    /// No takeover happens in the shard.
    Freeze(ShardName),
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ring => write!(f, "the ring"),
            Self::Name(shard) => write!(f, "the name {shard}"),
            Self::Dumps => write!(f, "the lock on dumps"),
            Self::Freeze(shard) => write!(f, "the freeze of {shard}"),
        }
    }
}

/// A thing that is kept, the plan that keeps it, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holding {
    /// The thing.
    #[serde(flatten)]
    pub kept: Kept,
    /// The plan.
    pub plan: PlanUuid,
    /// Since when, as it was written down.
    pub since: String,
}

impl Holding {
    /// `None` where the owner is no plan: then it is none of ours.
    fn of(kept: Kept, owner: &str, since: Option<&str>) -> Option<Self> {
        let plan = owner.parse().ok()?;
        Some(Self { kept, plan, since: since.unwrap_or("an unknown time").to_owned() })
    }

    fn of_lock(kept: Kept, state: &LockState) -> Option<Self> {
        let (LockState::Held(record) | LockState::Abandoned(record)) = state else { return None };
        Self::of(kept, record.owner.as_deref()?, record.since.as_deref())
    }
}

/// Everything that plans keep for themselves.
///
/// # Errors
///
/// [`InventoryError`]
pub(super) async fn holdings(deployment: &Deployment) -> Result<Vec<Holding>, InventoryError> {
    let session = deployment.session();
    let mut all = Vec::new();
    all.extend(Holding::of_lock(Kept::Ring, &Reservation::Ring.lock(deployment)?.state().await?));
    for name in Lock::list(session, NAMES).await? {
        // What is no name of a shard was reserved by nobody.
        let Ok(shard) = name.parse() else { continue };
        let state = Reservation::Name(&shard).lock(deployment)?.state().await?;
        all.extend(Holding::of_lock(Kept::Name(shard), &state));
    }
    let dumps = DumpLock::new(session.clone()).state().await.map_err(InventoryError::DumpLock)?;
    if let DumpLockState::Held(holders) = dumps {
        let held = holders.iter();
        all.extend(held.filter_map(|it| Holding::of(Kept::Dumps, &it.owner, Some(&it.since))));
    }
    for shard in Shard::list(session).await? {
        let stored = deployment.shard(shard.clone()).read().await;
        let unreadable =
            |source| InventoryError::Shard { shard: shard.clone(), source: Box::new(source) };
        let freeze = stored.map_err(unreadable)?.and_then(|stored| stored.state.freeze);
        if let Some(freeze) = freeze
            && let Some(owner) = freeze.owner()
        {
            all.extend(Holding::of(Kept::Freeze(shard), owner, Some(&freeze.shown().0)));
        }
    }
    Ok(all)
}

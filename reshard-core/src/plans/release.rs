//! Freeing what a plan that is over has left reserved.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use manatee_client::{
    DumpLock, DumpLockError, HeldLock, Lock, LockError, LockState, ShardError, ShardName, Takeover,
};
use sapi_client::ImageUuid;
use sapi_client::imgapi::ImageFilter;

use super::holding::{Holding, Kept, holdings};
use crate::clock::SystemClock;
use crate::deployment::{Deployment, DeploymentError};
use crate::epoch::PLAN_LOCKS;
use crate::epoch::{Epoch, EpochError, epoch_of};
use crate::hint::{Hint, Operation, hint};
use crate::inventory::{InventoryError, probe_router, services_of};
use crate::plan::PlanUuid;
use crate::reservation::Reservation;
use crate::rings::{self, RingError};
use crate::routers::{RouterError, list_routers};
use crate::serving::{Need, Serving, StillNeeded, TaggedZone, tagged_zones};
use crate::shards::unfreeze_for_plan;
use crate::zones::PLAN_TAG;

/// The operator's word on whether anybody may go on with a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanFile {
    /// There may be a copy of its file.
    MayBeLeft,
    /// There is none any more, says the operator.
    Lost,
}

/// The things that a plan keeps for itself and need not any more. Nothing is changed.
///
/// # Errors
///
/// [`ReleaseError::Executing`] and [`ReleaseError::NotOver`] while somebody may go on with the plan,
/// [`ReleaseError::HalfMade`] if it has left something that its reservations keep others away from; [`ReleaseError`].
pub async fn releasable(
    deployment: &Deployment,
    plan: PlanUuid,
    file: PlanFile,
) -> Result<Vec<Holding>, ReleaseError> {
    let epoch = epoch_of(deployment, plan).await?;
    let lock = lock(deployment, plan)?.state().await?;
    let held = holdings(deployment).await?;
    let held: Vec<Holding> = held.into_iter().filter(|holding| holding.plan == plan).collect();
    if epoch.is_none() && held.is_empty() && matches!(lock, LockState::Free) {
        return Err(ReleaseError::Unknown { plan });
    }
    may_be_over(plan, lock, epoch.as_ref(), file)?;
    let needs = needs(deployment, plan, epoch.as_ref(), &held).await?;
    let what = format!("nothing of plan {plan} is freed");
    StillNeeded::check(what, needs).map_err(ReleaseError::HalfMade)?;
    Ok(held)
}

/// Frees all that a plan keeps for itself: the ring, the names of new shards, the lock on dumps, freezes. Tells what that was.
///
/// # Errors
///
/// As [`releasable`].
pub async fn release(
    deployment: &Deployment,
    plan: PlanUuid,
    file: PlanFile,
    now: Timestamp,
) -> Result<Vec<Holding>, ReleaseError> {
    let held = releasable(deployment, plan, file).await?;
    // From here on no executor of the plan begins.
    let lock = lock(deployment, plan)?;
    let alone = match lock.try_acquire(&plan.to_string(), now, Takeover::Anyone).await {
        Err(LockError::Held { record, .. }) => {
            return Err(ReleaseError::Executing { plan, since: record.since });
        }
        taken => taken?,
    };
    for holding in &held {
        free(deployment, holding, now, &alone).await?;
    }
    alone.release().await?;
    Ok(held)
}

async fn free(
    deployment: &Deployment,
    holding: &Holding,
    now: Timestamp,
    alone: &HeldLock,
) -> Result<(), ReleaseError> {
    let plan = holding.plan;
    match &holding.kept {
        Kept::Ring => Reservation::Ring.give_back(deployment, plan, now).await?,
        Kept::Name(shard) => Reservation::Name(shard).give_back(deployment, plan, now).await?,
        Kept::Dumps => {
            let dumps = DumpLock::new(deployment.session().clone()).fenced_by(alone);
            dumps.release(&plan.to_string()).await?;
        }
        Kept::Freeze(shard) => {
            let shard = deployment.shard(shard.clone()).fenced_by(alone);
            unfreeze_for_plan(&shard, plan).await?;
        }
    }
    Ok(())
}

fn lock(deployment: &Deployment, plan: PlanUuid) -> Result<Lock, LockError> {
    Lock::new(deployment.session().clone(), PLAN_LOCKS, &plan.to_string())
}

/// Checks that nobody goes on with the plan.
fn may_be_over(
    plan: PlanUuid,
    lock: LockState,
    epoch: Option<&Epoch>,
    file: PlanFile,
) -> Result<(), ReleaseError> {
    if let LockState::Held(record) = lock {
        return Err(ReleaseError::Executing { plan, since: record.since });
    }
    if file == PlanFile::Lost || epoch.is_some_and(Epoch::is_over) {
        return Ok(());
    }
    let last = epoch.map(|epoch| format!("{} on {}", epoch.file, epoch.host));
    Err(ReleaseError::NotOver { plan, last: last.unwrap_or_else(|| "its file".to_owned()) })
}

/// The things of the plan that are half made, so that others have to be kept away from them.
async fn needs(
    deployment: &Deployment,
    plan: PlanUuid,
    epoch: Option<&Epoch>,
    held: &[Holding],
) -> Result<Vec<Need>, ReleaseError> {
    let manta = deployment.sapi()?.find_manta().await.map_err(InventoryError::from)?;
    let services = services_of(deployment, &manta).await?;
    let tagged = tagged_zones(deployment, services, plan).await?;
    let serving = Serving::look(deployment, None).await?;
    let name = |holding: &Holding| match &holding.kept {
        Kept::Name(shard) => Some(shard.clone()),
        Kept::Ring | Kept::Dumps | Kept::Freeze(_) => None,
    };
    let told = epoch.into_iter().flat_map(|epoch| &epoch.targets);
    let told = told.filter_map(|target| target.parse().ok());
    let new_shards = held.iter().filter_map(name).chain(told).collect();
    let mut needs = half_made(plan, &serving, &new_shards, &tagged);
    needs.extend(in_between(deployment, plan).await?);
    Ok(needs)
}

/// New shards that have zones or a state, and that no client is led to.
fn half_made(
    plan: PlanUuid,
    serving: &Serving,
    new_shards: &BTreeSet<ShardName>,
    tagged: &[TaggedZone],
) -> Vec<Need> {
    let serves = |shard: &ShardName| serving.ring.needs_shard(shard).is_some();
    let unused: Vec<&ShardName> = new_shards.iter().filter(|shard| !serves(shard)).collect();
    let established = unused.iter().filter_map(|shard| {
        let primary = serving.states.get(*shard)?.primary.zone_id.clone();
        Some(Need::Established { shard: (*shard).clone(), primary })
    });
    let mut needs: Vec<Need> = established.collect();
    // New peers are of the source until the split.
    let in_use = |zone: &TaggedZone| {
        zone.shard.as_ref().is_some_and(|shard| new_shards.contains(shard) && serves(shard))
    };
    let zones: Vec<String> =
        tagged.iter().filter(|zone| !in_use(zone)).map(|zone| zone.alias.clone()).collect();
    if !zones.is_empty() {
        needs.push(Need::Tagged { plan: plan.to_string(), zones });
    }
    needs
}

/// Routers that have one of the plan's rings in between: they refuse writes.
async fn in_between(deployment: &Deployment, plan: PlanUuid) -> Result<Vec<Need>, ReleaseError> {
    let imgapi = rings::ring_imgapi(deployment).await?;
    let filter = ImageFilter {
        tags: vec![(PLAN_TAG.to_owned(), plan.to_string())],
        ..ImageFilter::default()
    };
    let made = imgapi.list_images(&filter).await.map_err(RingError::from)?;
    let target = rings::current_ring(deployment).await?;
    let made: Vec<ImageUuid> =
        made.iter().map(|image| image.uuid).filter(|image| *image != target).collect();
    if made.is_empty() {
        return Ok(Vec::new());
    }
    let routers = list_routers(deployment).await?;
    let probes = routers.iter().map(async |router| {
        let probe = probe_router(deployment, &router.place, &router.ip, &SystemClock).await?;
        let has = |image: ImageUuid| made.contains(&image).then_some(image);
        let images = probe.instances.iter().filter_map(|it| it.stamp.image().and_then(has));
        let router = router.alias.clone();
        let needs = images.map(|image| Need::Router { image, router: router.clone() });
        Ok::<Vec<Need>, InventoryError>(needs.collect())
    });
    Ok(try_join_all(probes).await?.into_iter().flatten().collect())
}

fn remedy(needed: &StillNeeded) -> Hint {
    if needed.needs.iter().any(|need| matches!(need, Need::Router { .. })) {
        return hint!(
            "writes may be refused there: put the ring that SAPI names into it, and restart it (",
            Operation::AuditRings,
            " lists all that have another)"
        );
    }
    hint!(
        "with the plan's file, ",
        Operation::Abort,
        " removes that; without it, delete these instances in SAPI once no shard takes or confirms writes there (",
        Operation::ShowPeers,
        "), and then /manatee/SHARD in ZooKeeper"
    )
}

/// Something that a plan keeps is not freed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// Somebody carries the plan out.
    #[error(
        "an executor has been carrying out plan {plan} since {}, so nothing of it is freed",
        since.as_deref().unwrap_or("an unknown time")
    )]
    Executing {
        /// The plan.
        plan: PlanUuid,
        /// Since when.
        since: Option<String>,
    },
    /// There is no such plan.
    #[error("ZooKeeper knows no plan {plan}")]
    Unknown {
        /// The UUID that was given.
        plan: PlanUuid,
    },
    /// Somebody may go on with it.
    #[error("plan {plan} is not over, so nothing of it is freed")]
    NotOver {
        /// The plan.
        plan: PlanUuid,
        /// Its latest file, and where that is.
        last: String,
    },
    /// The plan's record in ZooKeeper cannot be read.
    #[error(transparent)]
    Epoch(#[from] EpochError),
    /// It has left something half made.
    #[error(transparent)]
    HalfMade(StillNeeded),
    /// The region cannot be read.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// The region cannot be reached.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// The rings cannot be read.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// The routers cannot be listed.
    #[error(transparent)]
    Routers(#[from] RouterError),
    /// A lock cannot be read or freed.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The lock on dumps cannot be freed.
    #[error(transparent)]
    Dumps(#[from] DumpLockError),
    /// A freeze cannot be lifted.
    #[error(transparent)]
    Freeze(#[from] ShardError),
}

impl ReleaseError {
    /// Advice that goes with the message, if there is any.
    pub fn hint(&self) -> Option<Hint> {
        match self {
            Self::Executing { .. } => Some(hint!(Operation::Abort, " with its file rolls it back")),
            Self::NotOver { plan, last } => Some(hint!(
                Operation::Resume,
                " or ",
                Operation::Abort,
                format!(" with {last} brings it to its end. If no copy of its file is left, "),
                Operation::ReleaseLostPlan { plan: *plan },
                " says so"
            )),
            Self::Unknown { .. } => Some(hint!(Operation::ListPlans, " lists those that it knows")),
            Self::HalfMade(needed) => Some(remedy(needed)),
            Self::Inventory(error) => error.hint(),
            Self::Epoch(_)
            | Self::Deployment(_)
            | Self::Ring(_)
            | Self::Routers(_)
            | Self::Lock(_)
            | Self::Dumps(_)
            | Self::Freeze(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use manatee_client::LockRecord;

    use super::*;
    use crate::serving::tests::{serving, shard, state};

    fn plan() -> PlanUuid {
        "3d0e5c1a-7b1f-4b6e-9a41-6f3d7f0e2b55".parse().unwrap()
    }

    fn zone(of: u32) -> TaggedZone {
        TaggedZone { alias: format!("{of}.postgres-aa10c0de"), shard: Some(shard(of)) }
    }

    fn left(serving: &Serving, new_shard: u32, tagged: &[TaggedZone]) -> Vec<Need> {
        half_made(plan(), serving, &BTreeSet::from([shard(new_shard)]), tagged)
    }

    #[test]
    fn what_is_half_made_keeps_its_reservations() {
        let mut serving = serving();
        assert_eq!(left(&serving, 3, &[]), []);
        // A new peer is of the source until the split.
        assert!(matches!(
            &left(&serving, 3, &[zone(2)])[..],
            [Need::Tagged { zones, .. }] if *zones == [zone(2).alias]
        ));
        serving.states.insert(shard(3), state(&[7, 8, 9]));
        assert!(matches!(&left(&serving, 3, &[])[..], [Need::Established { .. }]));
    }

    #[test]
    fn a_shard_that_clients_are_led_to_needs_no_reservation() {
        assert_eq!(left(&serving(), 2, &[zone(2)]), []);
    }

    #[test]
    fn nothing_is_freed_while_somebody_may_go_on() {
        let record = LockRecord { token: 1, owner: Some(plan().to_string()), since: None };
        for (lock, file, says) in [
            (
                LockState::Held(record.clone()),
                PlanFile::Lost,
                "an executor has been carrying out plan",
            ),
            (LockState::Abandoned(record.clone()), PlanFile::MayBeLeft, "is not over"),
            (LockState::Free, PlanFile::MayBeLeft, "is not over"),
        ] {
            let refused = may_be_over(plan(), lock, None, file).unwrap_err().to_string();
            assert!(refused.contains(says), "{refused}");
        }
        for lock in [LockState::Abandoned(record), LockState::Free] {
            may_be_over(plan(), lock, None, PlanFile::Lost).unwrap();
        }
    }
}

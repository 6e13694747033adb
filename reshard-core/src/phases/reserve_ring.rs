//! Reserves the ring for the plan, and decides which one the new rings are made from.
//!
//! Plans may prepare at the same time, and only one may change the ring: this one waits until another has ended. The ring is
//! then another one than when the plan was made. That does not matter as long as what the plan splits is the same.
//!
//! * Reads: SAPI's `HASH_RING_IMAGE` and `INDEX_MORAY_SHARDS`, the image of the ring.
//! * Writes: the lock `/manta_reshard/ring` in ZooKeeper; the fact `base`.
//! * Done when: the plan has the lock, and the source has the vnodes in the ring that it had when the plan was made.
//! * Undo: gives the lock back.
//! * Pause: while waiting for another plan.

use std::time::Duration;

use async_trait::async_trait;
use manatee_client::{LockError, LockState};
use sapi_client::ImageUuid;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::facts::BASE;
use super::unneeded::new_shards_unused;
use crate::hint::{Hint, Operation, hint};
use crate::inventory::{RingFacts, read_ring};
use crate::owner::Owner;
use crate::phase::{
    About, Context, Phase, PhaseError, PhaseResultExt, Poll, Undone, Wait, Withheld,
};
use crate::reservation::Reservation;
use crate::rings::RingError;

/// The operator's advice about a ring that the plan does not fit.
fn ring_changed() -> Hint {
    hint!(
        "find out who changed it. If that is not wanted, put HASH_RING_IMAGE back, then ",
        Operation::Resume,
        "; else ",
        Operation::Abort,
        ", and make a new plan from the ring as it is now"
    )
}

/// Reserves the ring for the plan.
pub struct ReserveRing;

/// The base that the plan's changes are made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Base {
    /// The image of the ring.
    pub(super) image: ImageUuid,
    /// The SHA-1 of its file.
    pub(super) sha1: String,
    /// SAPI's `INDEX_MORAY_SHARDS`.
    pub(super) index_shards: Value,
}

impl Base {
    /// The base that was decided on when the ring was reserved.
    pub(super) async fn of(context: &Context) -> Result<Self, PhaseError> {
        Self::if_reserved(context).await?.ok_or_else(|| {
            PhaseError::hold(
                "the ring is not reserved",
                "run the phase reserve-ring before this one",
            )
        })
    }

    pub(super) async fn if_reserved(context: &Context) -> Result<Option<Self>, PhaseError> {
        context.get(&BASE).await
    }
}

#[async_trait]
impl Phase for ReserveRing {
    fn name(&self) -> &'static str {
        "reserve-ring"
    }

    fn about(&self) -> About {
        About {
            title: "reserve the ring for this plan",
            rfd103: "",
            reads: "SAPI's HASH_RING_IMAGE and INDEX_MORAY_SHARDS, the image of the ring",
            writes: "the lock /manta_reshard/ring in ZooKeeper",
            done_when: "the plan has the lock, and the source has the vnodes that it had when the plan was made",
            undo: "the lock is given back",
            pause: "while waiting for another plan",
        }
    }

    fn withholds(&self) -> &'static [Withheld] {
        &[Withheld::RingChanges]
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        context.act("take the lock on the ring", reserve(context)).await?;
        let manta = context.deployment().sapi().map_err(RingError::from)?.find_manta().await;
        let manta = manta.map_err(RingError::from)?;
        let ring = read_ring(context.deployment(), &manta, &context.work_directory()).await;
        let image = manta.hash_ring_image().map_err(RingError::from)?;
        let unreadable = format!("the ring is the image {image}, which cannot be read");
        let ring = ring.or_hold(unreadable, ring_changed())?;
        fits(context, &ring).await?;
        let index_shards = manta.index_shards().map_err(RingError::from)?.to_value();
        context.put(&BASE, &Base { image: ring.image, sha1: ring.sha1, index_shards }).await
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        new_shards_unused(context, "the ring stays reserved").await?;
        let release = give_back(context, Reservation::Ring);
        context.act("give the lock on the ring back", release).await?;
        context.forget(&BASE).await?;
        Ok(Undone::Completely)
    }
}

/// Takes the lock, when no other plan has it any more.
async fn reserve(context: &Context) -> Result<(), PhaseError> {
    let patience = Duration::from_secs(context.tuning().await?.wait_seconds);
    let state =
        Reservation::Ring.lock(context.deployment()).map_err(RingError::from)?.state().await;
    let first = match state {
        Ok(LockState::Held(record) | LockState::Abandoned(record)) => {
            Owner::of(context.deployment(), &record).await
        }
        // Whoever cannot be asked is asked again below.
        Ok(LockState::Free) | Err(_) => None,
    };
    let whatever = || {
        hint!(
            "bring that plan to its end, or abort it, where its file is (",
            Operation::ListPlans,
            " tells where)"
        )
    };
    let waiting = Wait {
        what: "the ring, which another plan has reserved".to_owned(),
        hint: first.as_ref().map_or_else(whatever, Owner::hint),
    };
    context
        .wait(waiting, patience, || async {
            let taken =
                Reservation::Ring.take(context.deployment(), context.plan().uuid, context.now());
            match taken.await {
                Ok(_) => Ok(Poll::Ready(())),
                Err(LockError::Held { record, lock } | LockError::Abandoned { record, lock }) => {
                    let owner = Owner::of(context.deployment(), &record).await;
                    // Between two plans nobody may have it, or somebody who is no plan.
                    let by = || record.owner.clone().unwrap_or_else(|| "somebody".to_owned());
                    let said =
                        owner.map_or_else(|| format!("{} has {lock}", by()), |it| it.to_string());
                    Ok(Poll::Pending(None, said))
                }
                Err(error) => Err(RingError::from(error).into()),
            }
        })
        .await
}

/// Gives back what the plan has reserved.
pub(super) async fn give_back(
    context: &Context,
    reservation: Reservation<'_>,
) -> Result<(), PhaseError> {
    let (plan, now) = (context.plan().uuid, context.now());
    let given_back = reservation.give_back(context.deployment(), plan, now).await;
    Ok(given_back.map_err(RingError::from)?)
}

/// Checks that the plan can be carried out on this ring.
async fn fits(context: &Context, ring: &RingFacts) -> Result<(), PhaseError> {
    let (plan, planned) = (context.plan(), &context.plan().inventory.ring);
    let changed = |what: String| Err(PhaseError::hold(what, ring_changed()));
    let source = &plan.request.source;
    if ring.image == planned.image {
        if ring.sha1 != planned.sha1 {
            return changed(format!(
                "the file of the ring's image {} has the SHA-1 {}, and had {} when the plan was made",
                ring.image, ring.sha1, planned.sha1
            ));
        }
        return Ok(());
    }
    if ring.hashing != planned.hashing {
        return changed(format!(
            "the ring {} hashes keys in another way than {}",
            ring.image, planned.image
        ));
    }
    if ring.vnodes_of(source) != planned.vnodes_of(source) {
        return changed(format!(
            "{source} has other vnodes in the ring {} than in {}, which the plan was made from",
            ring.image, planned.image
        ));
    }
    context.note(format!(
        "the ring is {} now, and was {} when the plan was made: {source} has the same vnodes in both",
        ring.image, planned.image
    )).await
}

#[cfg(test)]
mod tests;

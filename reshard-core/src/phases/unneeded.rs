//! The question before anything of a plan is rolled back or removed: does something still need it? The region answers, not the
//! journal, which may be an old one: see [`crate::serving`].

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use manatee_client::ShardName;
use sapi_client::ImageUuid;

use super::new_zones::Wanted;
use super::reserve_ring::Base;
use super::rollout::{Rings, another_copy_or_a_new_plan};
use super::split_shard::written;
use crate::phase::{Context, PhaseError, PhaseResultExt};
use crate::rings;
use crate::rows::Split;
use crate::serving::{NamedRing, Need, OwnWork, Serving, StillNeeded, named_ring, tagged_zones};

/// The longest that SAPI may take to tell which ring is in use, while writes may be refused.
const ASK: Duration = Duration::from_secs(1);
/// The longest that the ring may take to be read then, if it is another one.
const READ: Duration = Duration::from_secs(10);
/// The words that are shown where the region does not answer.
const UNSEEN: &str = "it cannot be seen whether something still needs what the plan has made";

async fn look(context: &Context) -> Result<Serving, PhaseError> {
    let known = &context.plan().inventory.ring;
    Serving::look(context.deployment(), Some(known)).await.or_phase_error(UNSEEN)
}

/// Holds if something still needs one of these zones, or the new shard that it is of.
pub(super) async fn zones_unneeded(
    context: &Context,
    zones: &[Wanted<'_>],
) -> Result<(), PhaseError> {
    if zones.is_empty() {
        return Ok(());
    }
    let (serving, states) = (look(context).await?, written(context).await?);
    let own = OwnWork { states: &states };
    for one in zones {
        let shard = &one.target.name;
        let mut needs = serving.needs_shard(shard, own);
        for uuid in one.uuids(context).await? {
            needs.extend(serving.needs_zone(uuid, own));
        }
        StillNeeded::check(format!("no zone of {shard} is destroyed"), needs)?;
    }
    Ok(())
}

/// Holds unless the new shards are gone, with all zones that the plan has made for them: what keeps others away from them (a
/// freeze, a lock, a reservation) may go only then. `what` is not done otherwise.
pub(super) async fn new_shards_gone(context: &Context, what: &str) -> Result<(), PhaseError> {
    let (plan, serving) = (context.plan(), look(context).await?);
    let mut needs: Vec<Need> = plan
        .targets()
        .iter()
        .flat_map(|target| serving.needs_shard(&target.name, OwnWork::default()))
        .collect();
    let zones = tagged_zones(context.deployment(), plan.inventory.services, plan.uuid).await;
    let zones = zones.or_phase_error(UNSEEN)?;
    if !zones.is_empty() {
        let zones = zones.into_iter().map(|zone| zone.alias).collect();
        needs.push(Need::Tagged { plan: plan.uuid.to_string(), zones });
    }
    Ok(StillNeeded::check(what, needs)?)
}

/// Holds if SAPI names one of these images as the ring.
pub(super) async fn images_unneeded(
    context: &Context,
    images: &[ImageUuid],
) -> Result<(), PhaseError> {
    let named = rings::current_ring(context.deployment()).await?;
    let needs = images.iter().filter(|image| **image == named);
    let needs = needs.map(|image| Need::Image { image: *image }).collect();
    Ok(StillNeeded::check("no image of the plan is deleted", needs)?)
}

/// Holds if the ring that SAPI names leads clients to a new shard. `what` is not done then.
pub(super) async fn new_shards_unused(context: &Context, what: &str) -> Result<(), PhaseError> {
    let named = rings::current_ring(context.deployment()).await?;
    // What was looked at when the ring was reserved.
    if Base::if_reserved(context).await?.is_some_and(|base| base.image == named) {
        return Ok(());
    }
    let ring = named_ring(context.deployment(), Some(&context.plan().inventory.ring)).await;
    Ok(StillNeeded::check(what, leads_there(context, &ring.or_phase_error(UNSEEN)?))?)
}

fn leads_there(context: &Context, ring: &NamedRing) -> Vec<Need> {
    let targets = context.plan().targets();
    targets.iter().filter_map(|target| ring.needs_shard(&target.name)).collect()
}

/// Holds if the original ring must not go back to the routers, because SAPI names one that leads clients to a new shard.
///
/// Writes may be refused meanwhile. So it does not hold for lack of an answer: where SAPI or IMGAPI is away, the original ring
/// goes back, and only in place of the plan's own rings in between.
pub(super) async fn may_go_back(context: &Context, rings: &Rings) -> Result<(), PhaseError> {
    let what = format!("the original ring {} does not go back", rings.base);
    let asked = tokio::time::timeout(ASK, rings::current_ring(context.deployment())).await;
    let why = match asked {
        Ok(Ok(named)) if named == rings.base => return Ok(()),
        Ok(Ok(named)) if named == rings.target => {
            return Ok(StillNeeded::check(what, vec![Need::Image { image: named }])?);
        }
        Ok(Ok(_)) => {
            let ring = named_ring(context.deployment(), Some(&context.plan().inventory.ring));
            match tokio::time::timeout(READ, ring).await {
                Ok(Ok(ring)) => {
                    return Ok(StillNeeded::check(what, leads_there(context, &ring))?);
                }
                Ok(Err(error)) => crate::causes::Chain(&error).to_string(),
                Err(_) => "the ring that SAPI names is not read in time".to_owned(),
            }
        }
        Ok(Err(error)) => crate::causes::Chain(&error).to_string(),
        Err(_) => "SAPI does not answer in time".to_owned(),
    };
    context.note(format!("the original ring goes back, whatever ring SAPI names: {why}")).await
}

/// Holds unless SAPI still names the ring that the plan's rings were made of: no router is touched then.
pub(super) async fn base_is_named(context: &Context, rings: &Rings) -> Result<(), PhaseError> {
    let named = rings::current_ring(context.deployment()).await?;
    if named == rings.base {
        return Ok(());
    }
    Err(PhaseError::hold(
        format!(
            "the ring that SAPI's HASH_RING_IMAGE names is {named}, and the plan's rings were made of {}: no router was touched",
            rings.base
        ),
        another_copy_or_a_new_plan(),
    ))
}

/// The ring that SAPI names, watched while rows are deleted: somebody may change it meanwhile.
#[derive(Default)]
pub(super) struct OwnersWatch {
    /// The ring that was found not to need any of the rows.
    judged: Mutex<Option<ImageUuid>>,
}

impl OwnersWatch {
    /// Holds if a shard of the split is the owner by now of rows that are to be deleted there.
    pub(super) async fn check(&self, context: &Context, split: &Split) -> Result<(), PhaseError> {
        let judged = *self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if judged == Some(rings::current_ring(context.deployment()).await?) {
            return Ok(());
        }
        let ring = named_ring(context.deployment(), Some(&context.plan().inventory.ring)).await;
        let ring = ring.or_phase_error(UNSEEN)?;
        let mut needs = Vec::new();
        for (place, shard) in split.shards().iter().enumerate() {
            let goes = |vnode| split.keeper_of(vnode) != place;
            needs.extend(ring.needs_rows(shard, split.hash(), goes));
        }
        needs.dedup();
        StillNeeded::check("no row of those vnodes is deleted there", needs)?;
        *self.judged.lock().unwrap_or_else(PoisonError::into_inner) = Some(ring.image);
        Ok(())
    }
}

/// Holds if SAPI names one of these shards as the one that keeps tables for the whole region.
pub(super) async fn tables_unneeded(
    context: &Context,
    shards: &[ShardName],
) -> Result<(), PhaseError> {
    let serving = look(context).await?;
    let needs = shards.iter().flat_map(|shard| serving.needs_unsharded_tables(shard)).collect();
    Ok(StillNeeded::check("no table is dropped there", needs)?)
}

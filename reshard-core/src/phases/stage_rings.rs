//! Puts the plan's rings beside the live one of every electric-moray process.
//!
//! * Reads: SAPI's and VMAPI's electric-moray zones; in each, the SMF instances and the stamps of their rings.
//! * Writes: directories beside the rings, `RING.reshard-IMAGE`.
//! * Done when: every SMF instance runs with the present ring and has the others beside it.
//! * Undo: removes the directories.
//! * Pause: before it begins.

use async_trait::async_trait;

use super::rollout::{Rings, find_routers, in_each, keep_reserved, put_back, remembered_routers};
use crate::hint::{Operation, hint};
use crate::phase::{About, Context, Phase, PhaseError, Undone};
use crate::rings;
use crate::routers::{self, InstanceState, Router};

/// Puts the plan's rings beside the live one of every electric-moray process.
pub struct StageRings;

#[async_trait]
impl Phase for StageRings {
    fn name(&self) -> &'static str {
        "stage-rings"
    }

    fn about(&self) -> About {
        About {
            title: "put the new rings beside the live one of every electric-moray",
            rfd103: "8",
            reads: "the electric-moray zones, their SMF instances and the stamps of their rings",
            writes: "directories RING.reshard-IMAGE beside the rings",
            done_when: "every SMF instance runs with the present ring and has the others beside it",
            undo: "the directories are removed",
            pause: "before it begins",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        keep_reserved(context).await?;
        let rings = Rings::of(context).await?;
        let routers = find_routers(context).await?;
        let imgapi = rings::ring_imgapi(context.deployment()).await?.client().base().to_string();
        let images = rings.new_ones().into_iter().map(|image| rings.staged(image));
        let images = images.collect::<Result<Vec<_>, _>>()?;
        let command = rings.command(context).await?;
        let what = format!("stage the new rings in {} electric-moray zones", routers.len());
        let stage = async {
            let (deployment, command) = (context.deployment(), &command);
            let (imgapi, images) = (&imgapi, &images);
            let work = |router: Router| async move {
                let states = routers::stage(deployment, &router, command, imgapi, images).await?;
                Ok((router, states))
            };
            in_each(context, &what, &routers, work).await
        };
        let staged = context.act(&what, stage).await?;
        staged.iter().try_for_each(|(router, states)| {
            states.iter().try_for_each(|state| ready(router, state, &rings))
        })
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        let Some(rings) = Rings::if_built(context).await? else { return Ok(Undone::Completely) };
        if remembered_routers(context).await?.is_empty() {
            return Ok(Undone::Completely);
        }
        let undo = async {
            // Where writes were blocked the original rings are back by now, except in zones that did not run then.
            let routers = put_back(context, &rings, rings.base).await?;
            let (deployment, command) = (context.deployment(), &rings.command(context).await?);
            let (keep, images) = (rings.base, &rings.new_ones());
            let work = |router: Router| async move {
                routers::clear(deployment, &router, command, keep, images).await
            };
            in_each(context, "remove the staged rings", &routers, work).await?;
            Ok(routers)
        };
        let cleared = Box::pin(context.act("remove the staged rings", undo)).await?;
        for router in remembered_routers(context).await? {
            if cleared.contains(&router) {
                continue;
            }
            if routers::is_running(context.deployment(), &router).await?.is_some() {
                return Err(PhaseError::hold(
                    format!(
                        "the electric-moray zone {} ({}) does not run, and may have the plan's rings",
                        router.place.zone, router.alias
                    ),
                    hint!("start it, or destroy it; then ", Operation::Abort),
                ));
            }
        }
        Ok(Undone::Completely)
    }
}

/// Checks that an instance can be switched at a moment's notice.
fn ready(router: &Router, state: &InstanceState, rings: &Rings) -> Result<(), PhaseError> {
    let InstanceState { instance, ring, .. } = state;
    let alias = &router.alias;
    if state.state != "online" {
        return Err(PhaseError::hold(
            format!("{instance} in {alias} is {}", state.state),
            hint!(
                "see `svcs -x` in the zone; `svcadm clear` or `svcadm enable` it, or remove the zone; then ",
                Operation::Resume
            ),
        ));
    }
    if state.image != Some(rings.base) || state.flipping {
        let found =
            state.image.map_or_else(|| "no known image".to_owned(), |image| image.to_string());
        return Err(PhaseError::hold(
            format!(
                "the ring in {ring} of {alias} is of {found}, and not of {} as SAPI says",
                rings.base
            ),
            hint!(
                format!("install the ring {} there and restart {instance}; then ", rings.base),
                Operation::Resume
            ),
        ));
    }
    let missing = rings.new_ones();
    match missing.into_iter().find(|image| !state.staged.contains(image)) {
        Some(image) => Err(PhaseError::transient(format!(
            "the ring {image} is not beside {ring} of {alias} though it was put there"
        ))),
        None => Ok(()),
    }
}

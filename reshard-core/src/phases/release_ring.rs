//! Removes what is not needed of the rings any more, and lets other plans have the ring.
//!
//! * Reads: the electric-moray zones and the stamps of their rings.
//! * Writes: removes the rings beside the live ones, the image of the read-only ring, the plan's work directory, and the
//!   locks `/manta_reshard/ring` and `/manta_reshard/shards/NEW`. The images of the ring before and of the new one stay.
//! * Done when: all that is gone.
//! * Undo: none.
//! * Pause: before it begins.

use async_trait::async_trait;

use super::reserve_names::release_names;
use super::reserve_ring::give_back;
use super::rollout::{Rings, find_routers, in_each, reserve_again, too_late};
use super::unneeded::images_unneeded;
use crate::phase::{About, Context, Phase, PhaseError, Undone, Withheld};
use crate::reservation::Reservation;
use crate::rings;
use crate::routers::{self, Router};

/// Removes what is not needed of the rings any more, and lets other plans have the ring.
pub struct ReleaseRing;

#[async_trait]
impl Phase for ReleaseRing {
    fn name(&self) -> &'static str {
        "release-ring"
    }

    fn about(&self) -> About {
        About {
            title: "remove the old rings, and let other plans have the ring",
            rfd103: "8",
            reads: "the electric-moray zones and the stamps of their rings",
            writes: "removes the rings beside the live ones, the read-only ring's image, the locks on the ring and on the new names",
            done_when: "all that is gone",
            undo: "none: from publish-ring on there is no way back",
            pause: "before it begins",
        }
    }

    fn gives_back(&self) -> &'static [Withheld] {
        &[Withheld::RingChanges]
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        reserve_again(context).await?;
        let rings = Rings::of(context).await?;
        images_unneeded(context, &[rings.read_only, rings.handover]).await?;
        let (plan, deployment) = (context.plan().uuid, context.deployment());
        let routers = find_routers(context).await?;
        let command = rings.command(context).await?;
        let what = "remove the rings that were put aside";
        let clear = async {
            let (command, keep) = (&command, rings.target);
            let images = &[rings.base, rings.read_only, rings.handover];
            let work = |router: Router| async move {
                routers::clear(deployment, &router, command, keep, images).await
            };
            in_each(context, what, &routers, work).await
        };
        context.act(what, clear).await?;
        let imgapi = rings::ring_imgapi(deployment).await?;
        for image in [rings.read_only, rings.handover] {
            let delete = async { Ok(rings::delete_ring_image(&imgapi, image, plan).await?) };
            context.act(format!("delete the image {image} of a ring in between"), delete).await?;
        }
        rings::remove_work(&context.work_directory())?;
        let release = give_back(context, Reservation::Ring);
        context.act("give the lock on the ring back", release).await?;
        release_names(context).await
    }

    async fn undo(&self, _context: &Context) -> Result<Undone, PhaseError> {
        Err(too_late(self))
    }
}

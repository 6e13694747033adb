//! Makes the rings of the plan, proves them, and puts them into IMGAPI.
//!
//! * Reads: the image of the present ring.
//! * Writes: images in IMGAPI, tagged with the plan; files in the plan's work directory.
//! * Done when: all are active. `target` is the present ring with the moving vnodes at their new owners; a plan that refuses writes
//!   also has `read-only`, the present ring with them marked `ro`, and `handover`, the target with them marked `ro`. They differ in
//!   nothing else.
//! * Undo: deletes the images and the files.
//! * Pause: between the images.

use async_trait::async_trait;
use sapi_client::ImageUuid;

use super::facts::{RING_DATE, RINGS};
use super::reserve_ring::Base;
use super::rollout::{Rings, keep_reserved};
use super::unneeded::images_unneeded;
use crate::hint::{Operation, hint};
use crate::phase::{About, Context, Phase, PhaseError, Undone};
use crate::plan::Mode;
use crate::rings::{self, NewRingImage, delete_ring_image, ensure_ring_image};

/// Makes the rings of the plan, proves them, and puts them into IMGAPI.
pub struct BuildRings;

/// The names of the images in the plan: read-only, handover, target.
async fn images(context: &Context) -> Result<[ImageUuid; 3], PhaseError> {
    let round = context.round().await?;
    let image = |role| context.plan().image_uuid(role, round);
    Ok([image("ring/read-only"), image("ring/handover"), image("ring/target")])
}

#[async_trait]
impl Phase for BuildRings {
    fn name(&self) -> &'static str {
        "build-rings"
    }

    fn about(&self) -> About {
        About {
            title: "make the new ring, and those in between if writes are refused, prove them, and upload them",
            rfd103: "8",
            reads: "the image of the present ring",
            writes: "images in IMGAPI, tagged with the plan; files in the plan's work directory",
            done_when: "all images are active and differ from the present ring exactly as planned",
            undo: "the images and the files are deleted",
            pause: "between the images",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        keep_reserved(context).await?;
        let plan = context.plan();
        let imgapi = rings::ring_imgapi(context.deployment()).await?;
        let directory = context.work_directory();
        let Base { image: base, sha1, .. } = Base::of(context).await?;
        let fetched = rings::fetch_ring(&imgapi, base, &directory).await?;
        if fetched.sha1.as_str() != sha1 {
            return Err(PhaseError::hold(
                format!("the file of the ring's image {base} is not the one that was reserved"),
                hint!(Operation::Abort, ", and make a new plan from the ring as it is now"),
            ));
        }
        let made = plan.rings(&fetched.ring)?;
        let left_over = fetched.ring.vnodes_with_data().count();
        if left_over > 0 {
            context
                .note(format!(
                    "{left_over} vnodes that do not move have data in the present ring, and keep it"
                ))
                .await?;
        }
        let [read_only, handover, target] = images(context).await?;
        let dated = RING_DATE.of([&context.round().await?]);
        let date = context.decided(&dated, async || Ok(context.now())).await?;
        let owner = plan.inventory.poseidon;
        let mut sha1s = vec![(base, fetched.sha1)];
        let in_between =
            [(read_only, "read-only", &made.read_only), (handover, "handover", &made.handover)];
        let in_between = in_between.into_iter().filter(|_| plan.request.mode == Mode::Rfd103);
        for (image, transition, ring) in in_between.chain([(target, "target", &made.target)]) {
            let new = NewRingImage { image, owner, plan: plan.uuid, transition, date };
            let ensure = async { Ok(ensure_ring_image(&imgapi, &new, ring, &directory).await?) };
            let what = format!("upload the {transition} ring as the image {image}");
            sha1s.push((image, context.act(what, ensure).await?));
        }
        context
            .note(format!(
                "{} vnodes move; the rings were read back and differ from {base} in nothing else",
                plan.moving().len()
            ))
            .await?;
        let rings = Rings {
            base,
            read_only,
            handover,
            target,
            base_is_stamped: fetched.stamp.is_some(),
            sha1s,
        };
        context.put(&RINGS, &rings).await
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        let imgapi = rings::ring_imgapi(context.deployment()).await?;
        let plan = context.plan().uuid;
        images_unneeded(context, &images(context).await?).await?;
        for image in images(context).await? {
            let delete = async { Ok(delete_ring_image(&imgapi, image, plan).await?) };
            context.act(format!("delete the image {image} if it is there"), delete).await?;
        }
        rings::remove_work(&context.work_directory())?;
        context.forget(&RINGS).await?;
        Ok(Undone::Completely)
    }
}

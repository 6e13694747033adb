//! Reserves the ring for the plan.
//!
//! * Reads: SAPI's `HASH_RING_IMAGE`, the image's manifest.
//! * Writes: the lock `/manta_reshard/ring` in ZooKeeper.
//! * Done when: the plan has the lock, and the ring is the one that the plan was made from.
//! * Undo: gives the lock back.
//! * Pause: before it begins.

use async_trait::async_trait;

use super::router_work::keep_reserved;
use crate::executor::Context;
use crate::phase::{About, OrTrouble, Phase, Trouble, Undone};
use crate::rings;

/// Reserves the ring for the plan.
pub struct ReserveRing;

#[async_trait]
impl Phase for ReserveRing {
    fn name(&self) -> &'static str {
        "reserve-ring"
    }

    fn about(&self) -> About {
        About {
            title: "reserve the ring for this plan",
            rfd103: "",
            reads: "SAPI's HASH_RING_IMAGE, the image's manifest",
            writes: "the lock /manta_reshard/ring in ZooKeeper",
            done_when: "the plan has the lock, and the ring is the one that it was made from",
            undo: "the lock is given back",
            pause: "before it begins",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), Trouble> {
        context.act("take the lock on the ring", keep_reserved(context)).await?;
        let planned = &context.plan().inventory.ring;
        let current = rings::current_ring(context.deployment()).await?;
        let drift = |what: String| {
            Trouble::hold(
                what,
                "find out who changed it. If that is not wanted, put HASH_RING_IMAGE back, then `reshard resume`; else \
                 `reshard abort`, and make a new plan from the ring as it is now",
            )
        };
        if current != planned.image {
            return Err(drift(format!(
                "the ring is the image {current}, and was {} when the plan was made",
                planned.image
            )));
        }
        let imgapi = rings::ring_imgapi(context.deployment()).await?;
        let image = imgapi.get_image(current).await;
        let image = image.or_trouble(format!("cannot see the ring's image {current} in IMGAPI"))?;
        let sha1 = image.files.first().map(|file| file.sha1.to_string());
        if sha1.as_ref() != Some(&planned.sha1) {
            return Err(drift(format!(
                "the file of the ring's image {current} has the SHA-1 {}, and had {} when the plan was made",
                sha1.unwrap_or_else(|| "of nothing".to_owned()),
                planned.sha1
            )));
        }
        Ok(())
    }

    async fn undo(&self, context: &Context) -> Result<Undone, Trouble> {
        let (plan, now) = (context.plan().uuid, context.now());
        let release = async { Ok(rings::release_ring(context.deployment(), plan, now).await?) };
        context.act("give the lock on the ring back", release).await?;
        Ok(Undone::Completely)
    }
}

//! Makes SAPI name the new ring. From here on there is no way back.
//!
//! * Reads: SAPI's `HASH_RING_IMAGE`.
//! * Writes: the same.
//! * Done when: it is the new ring's image.
//! * Undo: none: a zone that is made from now on has the new ring.
//! * Pause: never; writes are refused.

use async_trait::async_trait;

use super::rollout::{Rings, keep_reserved, too_late};
use crate::phase::{About, Context, Phase, PhaseError, Undone};
use crate::rings;

/// Makes SAPI name the new ring.
pub struct PublishRing;

#[async_trait]
impl Phase for PublishRing {
    fn name(&self) -> &'static str {
        "publish-ring"
    }

    fn about(&self) -> About {
        About {
            title: "make SAPI name the new ring",
            rfd103: "8",
            reads: "SAPI's HASH_RING_IMAGE",
            writes: "SAPI's HASH_RING_IMAGE",
            done_when: "it is the image of the new ring",
            undo: "none: from here on there is no way back",
            pause: "never",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        publish(context).await
    }

    async fn undo(&self, _context: &Context) -> Result<Undone, PhaseError> {
        Err(too_late(self))
    }
}

/// Makes SAPI name the new ring in place of the one before.
pub(super) async fn publish(context: &Context) -> Result<(), PhaseError> {
    keep_reserved(context).await?;
    let Rings { base, target, .. } = Rings::of(context).await?;
    let publish = async { Ok(rings::publish_ring(context.deployment(), base, target).await?) };
    context.act(format!("set HASH_RING_IMAGE to {target}"), publish).await.map(drop)
}

//! Makes SAPI name the new ring, which every router has by now: a zone that is made from now on has it as well.
//!
//! * reads: SAPI's `HASH_RING_IMAGE`
//! * writes: the same
//! * done when: it is the new ring's image
//! * undo: it names the ring before again
//! * pause: before it begins

use async_trait::async_trait;

use crate::phase::{About, Context, Phase, PhaseError, Undone};
use crate::phases::publish_ring::publish;
use crate::phases::rollout::Rings;
use crate::rings;

/// Makes SAPI name the new ring, with a way back.
#[derive(Clone, Copy, Debug)]
pub struct NameRing;

#[async_trait]
impl Phase for NameRing {
    fn name(&self) -> &'static str {
        "name-ring"
    }

    fn about(&self) -> About {
        About {
            title: "make SAPI name the new ring",
            rfd103: "8",
            reads: "SAPI's HASH_RING_IMAGE",
            writes: "SAPI's HASH_RING_IMAGE",
            done_when: "it is the image of the new ring",
            undo: "it is the image of the ring before again",
            pause: "before it begins",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        publish(context).await
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        let Some(Rings { base, target, .. }) = Rings::if_built(context).await? else {
            return Ok(Undone::Completely);
        };
        let naming = async { Ok(rings::publish_ring(context.deployment(), target, base).await?) };
        context.act(format!("set HASH_RING_IMAGE to {base} again"), naming).await?;
        Ok(Undone::Completely)
    }
}

//! Has everybody read the moving vnodes at their new owners, while nobody can write them.
//!
//! * Reads: the electric-moray zones, and what their processes tell of themselves.
//! * Writes: in each zone, one SMF instance after the other: it is stopped, the read-only ring put aside, the new one with the
//!   moved vnodes still read-only put in its place, the instance started. Zones go in parallel.
//! * Done when: every process was started after its ring has that ring's stamp, and routes to the new shards, as its status
//!   shows. So nobody reads at the old owners any more when the first one writes at the new ones.
//! * Undo: the read-only ring goes back, also in instances that do not run by then: writes stay refused until the original
//!   rings go back.
//! * Pause: never; writes are refused.

use async_trait::async_trait;

use super::rollout::{Rings, keep_reserved, put_back, put_in_place};
use crate::phase::{About, Context, Phase, PhaseError, Undone};
use crate::routers::RingSwap;

/// Has everybody read the moving vnodes at their new owners.
pub struct HandOverReads;

#[async_trait]
impl Phase for HandOverReads {
    fn name(&self) -> &'static str {
        "hand-over-reads"
    }

    fn about(&self) -> About {
        About {
            title: "read the moving vnodes at their new owners",
            rfd103: "8",
            reads: "the electric-moray zones and what their processes tell of themselves",
            writes: "the new ring with the moved vnodes read-only in place of the read-only one; every electric-moray is restarted",
            done_when: "every electric-moray was started with that ring and routes to the new shards",
            undo: "the read-only ring goes back, also in instances that do not run",
            pause: "never",
        }
    }

    fn undo_rounds(&self) -> u32 {
        1
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        keep_reserved(context).await?;
        let rings = Rings::of(context).await?;
        let shards = context.plan().target_names();
        // Whoever has the original ring took writes after the new shards had left the source: they would be lost.
        let flip = RingSwap::forth(rings.handover, vec![rings.read_only], rings.base, shards);
        let what = format!("let everybody read by the new ring: {}", rings.handover);
        put_in_place(context, &what, &rings, &flip).await.map(drop)
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        let Some(rings) = Rings::if_built(context).await? else { return Ok(Undone::Completely) };
        let put_back = put_back(context, &rings, rings.read_only);
        Box::pin(context.act("let everybody read by the ring before", put_back)).await?;
        Ok(Undone::Completely)
    }
}

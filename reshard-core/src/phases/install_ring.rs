//! Puts the new ring in place everywhere: writes to the moved vnodes go to their new owners.
//!
//! * Reads: the electric-moray zones, and what their processes tell of themselves.
//! * Writes: in each zone, one SMF instance after the other: it is stopped, its ring put aside, the new one put in its
//!   place, the instance started. Zones go in parallel.
//! * Done when: every process was started after its ring has the new ring's stamp, and routes writes to the new shards, as
//!   its status shows.
//! * Undo: none.
//! * Pause: never; writes are refused until it is done.

use async_trait::async_trait;

use super::facts::STRAY_ROUTERS;
use super::rollout::{Rings, put_in_place, reserve_again, too_late};
use crate::phase::{About, Context, Phase, PhaseError, Undone};
use crate::routers::{Flipped, RingSwap, Router};

/// Puts the new ring in place everywhere.
pub struct InstallRing;

#[async_trait]
impl Phase for InstallRing {
    fn name(&self) -> &'static str {
        "install-ring"
    }

    fn about(&self) -> About {
        About {
            title: "put the new ring in place",
            rfd103: "8",
            reads: "the electric-moray zones and what their processes tell of themselves",
            writes: "the new ring in place of the one with the moved vnodes read-only; every electric-moray is restarted",
            done_when: "every electric-moray was started with the new ring and routes to the new shards",
            undo: "none: from publish-ring on there is no way back",
            pause: "never",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        reserve_again(context).await?;
        let rings = Rings::of(context).await?;
        // The original ring has no business being there, but to leave it would be worse.
        let from = vec![rings.handover, rings.base];
        let flip =
            RingSwap::forth(rings.target, from, rings.handover, context.plan().target_names());
        let what = format!("put the new ring {} in place", rings.target);
        note_strays(context, &rings, &put_in_place(context, &what, &rings, &flip).await?).await
    }

    async fn undo(&self, _context: &Context) -> Result<Undone, PhaseError> {
        Err(too_late(self))
    }
}

/// Writes down which processes had the original ring while writes were blocked.
async fn note_strays(
    context: &Context,
    rings: &Rings,
    flipped: &[(Router, Vec<Flipped>)],
) -> Result<(), PhaseError> {
    let strays: Vec<String> = flipped
        .iter()
        .flat_map(|(router, all)| all.iter().map(move |one| (router, one)))
        .filter(|(_, one)| one.before == Some(rings.base))
        .map(|(router, one)| format!("{} in {}", one.instance, router.alias))
        .collect();
    if !strays.is_empty() {
        context.put(&STRAY_ROUTERS, &strays).await?;
        context.note(format!(
                "{} had the original ring while writes were blocked, as after a reprovisioning: what was written through \
                 it to the moving vnodes then is at the old owner only. Rows that the new owner does not have are not \
                 deleted",
                strays.join(", ")
            )).await?;
    }
    Ok(())
}

//! Refuses writes to the moving vnodes: the ring with them read-only goes into place everywhere.
//!
//! * Reads: the electric-moray zones, and what their processes tell of themselves.
//! * Writes: in each zone, one SMF instance after the other: it is stopped, the live ring put aside as
//!   `RING.reshard-IMAGE`, the read-only one put in its place, the instance started. Zones go in parallel.
//! * Done when: every process was started after its ring has the read-only ring's stamp, as its status shows.
//! * Undo: the same with the ring that was put aside, also in instances that do not run by then.
//! * Pause: never; writes are refused.

use async_trait::async_trait;

use super::facts::ROUTERS_TOUCHED;
use super::rollout::{Rings, keep_reserved, put_back, put_in_place, remembered_routers};
use super::unneeded::base_is_named;
use crate::inventory::probe_router;
use crate::phase::{About, Context, Phase, PhaseError, Undone};
use crate::routers::RingSwap;

/// Refuses writes to the moving vnodes.
pub struct BlockWrites;

#[async_trait]
impl Phase for BlockWrites {
    fn name(&self) -> &'static str {
        "block-writes"
    }

    fn about(&self) -> About {
        About {
            title: "refuse writes to the moving vnodes",
            rfd103: "4",
            reads: "the electric-moray zones and what their processes tell of themselves",
            writes: "the read-only ring in place of the live one; every electric-moray is restarted",
            done_when: "every electric-moray was started with the read-only ring",
            undo: "the original rings go back, also in instances that do not run",
            pause: "never",
        }
    }

    fn undo_rounds(&self) -> u32 {
        1
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        let rings = Rings::of(context).await?;
        if context.get(&ROUTERS_TOUCHED).await?.is_none() {
            context.put(&ROUTERS_TOUCHED, &false).await?;
        }
        keep_reserved(context).await?;
        base_is_named(context, &rings).await?;
        context.put(&ROUTERS_TOUCHED, &true).await?;
        let flip = RingSwap::forth(rings.read_only, vec![rings.base], rings.base, Vec::new());
        let what = format!("put the read-only ring {} in place", rings.read_only);
        put_in_place(context, &what, &rings, &flip).await.map(drop)
    }

    async fn lifted(&self, context: &Context) -> Result<Option<String>, PhaseError> {
        let Some(rings) = Rings::if_built(context).await? else { return Ok(None) };
        let deployment = context.deployment();
        let refusing = [Some(rings.read_only), Some(rings.handover)];
        for router in remembered_routers(context).await? {
            // One that does not answer takes no writes, or is looked at again by the phases that need it.
            let probed = probe_router(deployment, &router.place, &router.ip, context.clock()).await;
            let Ok(probe) = probed else { continue };
            // Without tables there is no ring: it is just being exchanged.
            let mut present = probe.instances.iter().filter(|one| one.tables.is_some());
            if let Some(one) = present.find(|one| !refusing.contains(&one.stamp.image())) {
                return Ok(Some(format!(
                    "{} in {} does not have the read-only ring any more: was the zone reprovisioned, or were the original rings put \
                     back?",
                    one.instance, router.alias
                )));
            }
        }
        Ok(None)
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        let Some(rings) = Rings::if_built(context).await? else { return Ok(Undone::Completely) };
        if context.get(&ROUTERS_TOUCHED).await? != Some(false) {
            let put_back = put_back(context, &rings, rings.base);
            Box::pin(context.act("put the original rings back", put_back)).await?;
        }
        context.forget(&ROUTERS_TOUCHED).await?;
        Ok(Undone::Completely)
    }
}

//! Puts the new ring in place everywhere. The new names lead to the source's database still, so it does not matter which router
//! has which ring.
//!
//! * reads: the electric-moray zones, and what their processes tell of themselves
//! * writes: in each zone, one SMF instance after the other: it is stopped, its ring put aside, the new one put in its place, the
//!   instance started; zones go in parallel
//! * done when: every process was started after its ring has the new ring's stamp, and routes writes to the new names
//! * undo: the same with the ring that was put aside
//! * pause: before it begins

use async_trait::async_trait;

use crate::phase::{About, Context, Phase, PhaseError, Undone, Withheld};
use crate::phases::facts::ROUTERS_TOUCHED;
use crate::phases::rollout::{Rings, find_routers, keep_reserved, put_back, put_in_place};
use crate::phases::unneeded::base_is_named;
use crate::routers::RingSwap;

/// Puts the new ring in place everywhere, before the cutover.
#[derive(Clone, Copy, Debug)]
pub struct FlipRouters;

#[async_trait]
impl Phase for FlipRouters {
    fn name(&self) -> &'static str {
        "flip-routers"
    }

    fn about(&self) -> About {
        About {
            title: "put the new ring in place",
            rfd103: "8",
            reads: "the electric-moray zones and what their processes tell of themselves",
            writes: "the new ring in place of the one before; every electric-moray is restarted",
            done_when: "every electric-moray was started with the new ring and routes to the new names",
            undo: "the original rings go back, also in instances that do not run",
            pause: "before it begins",
        }
    }

    fn withholds(&self) -> &'static [Withheld] {
        &[Withheld::NewNames]
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        keep_reserved(context).await?;
        let rings = Rings::of(context).await?;
        base_is_named(context, &rings).await?;
        context.put(&ROUTERS_TOUCHED, &true).await?;
        let from = vec![rings.base];
        let flip = RingSwap::forth(rings.target, from, rings.base, context.plan().target_names());
        let what = format!("put the new ring {} in place", rings.target);
        put_in_place(context, &what, &rings, &flip).await.map(drop)
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        let Some(rings) = Rings::if_built(context).await? else { return Ok(Undone::Completely) };
        if context.get(&ROUTERS_TOUCHED).await? == Some(true) {
            // Those that were made meanwhile have the new ring as well. One that does not run keeps nobody from going back.
            if let Err(trouble) = find_routers(context).await {
                context.note(trouble.with_causes()).await?;
            }
            let put_back = put_back(context, &rings, rings.base);
            Box::pin(context.act("put the original rings back", put_back)).await?;
        }
        context.forget(&ROUTERS_TOUCHED).await?;
        Ok(Undone::Completely)
    }
}

//! Creates canaries: for each new shard, and for what the source keeps, a directory and an object of poseidon's whose vnode is
//! one of its vnodes.
//!
//! * Reads: the plan's ring, to choose names; the routers, to see what is there.
//! * Writes: two objects of the bucket `manta` for each shard, through a router; the fact `canaries`.
//! * Done when: the routers have each canary in its vnode at its present owner.
//! * Undo: removes them.
//! * Pause: between two canaries.

use async_trait::async_trait;

use super::canaries::{choose, find, remove_all, routers, write};
use super::facts::CANARIES;
use crate::phase::{About, Context, Phase, PhaseError, Undone};

/// Creates canaries.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlantCanaries;

#[async_trait]
impl Phase for PlantCanaries {
    fn name(&self) -> &'static str {
        "plant-canaries"
    }

    fn about(&self) -> About {
        About {
            title: "create canaries",
            rfd103: "2",
            reads: "the ring, to choose names; the routers",
            writes: "a directory and an object of poseidon's for each shard, through a router",
            done_when: "the routers have each canary in its vnode at its present owner",
            undo: "removes them",
            pause: "between two canaries",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        let plan = context.plan();
        let canaries = context.decided(&CANARIES, async || choose(plan)).await?;
        let routers = routers(context)?;
        for planted in &canaries {
            for (place, router) in routers.iter().enumerate() {
                if place == 0 {
                    let key = &planted.canary.key;
                    let what = format!("create the canary {key} in vnode {}", planted.canary.vnode);
                    context
                        .act(what, write(context, router, planted, 1, planted.before.as_deref()))
                        .await?;
                } else {
                    let found = find(context, router, planted).await?;
                    planted.check(router.address(), &found.node, planted.before.as_deref())?;
                }
            }
        }
        Ok(())
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        remove_all(context).await?;
        Ok(Undone::Completely)
    }
}

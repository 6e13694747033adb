//! Creates canaries: for each new shard, and for what the source keeps, a directory and an object of poseidon's whose vnode is
//! one of its vnodes.
//!
//! * Reads: the plan's ring, to choose names; the routers, to see what is there.
//! * Writes: two objects of the bucket `manta` for each shard, through a router; the fact `canaries`.
//! * Done when: the routers have each canary in its vnode at its present owner.
//! * Undo: removes them.
//! * Pause: between two canaries.

use async_trait::async_trait;

use super::canaries::{CANARIES, Planted, choose, routers, tag};
use crate::canary::{remove_canary, write_canary};
use crate::executor::Context;
use crate::phase::{About, OrTrouble, Phase, Trouble, Undone};

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

    async fn run(&self, context: &Context) -> Result<(), Trouble> {
        let plan = context.plan();
        let canaries: Vec<Planted> = context.decided(CANARIES, async || choose(plan)).await?;
        let routers = routers(context)?;
        for planted in &canaries {
            for (place, router) in routers.iter().enumerate() {
                if place == 0 {
                    let key = &planted.canary.key;
                    let what = format!("create the canary {key} in vnode {}", planted.canary.vnode);
                    context.act(what, write(context, router, planted, 1)).await?;
                } else {
                    check(context, router, planted, &planted.before).await?;
                }
            }
        }
        Ok(())
    }

    async fn undo(&self, context: &Context) -> Result<Undone, Trouble> {
        remove_all(context).await?;
        Ok(Undone::Completely)
    }
}

async fn write(
    context: &Context,
    router: &moray_client::Client,
    planted: &Planted,
    revision: u32,
) -> Result<(), Trouble> {
    let (plan, key) = (context.plan(), &planted.canary.key);
    let account = plan.inventory.poseidon;
    let tag = tag(plan);
    let node = write_canary(router, &planted.canary, account, &tag, revision, context.now()).await;
    let node = node.or_trouble(format!("the canary {key} cannot be created"))?;
    planted.check(router.address(), &node, &planted.before)
}

async fn check(
    context: &Context,
    router: &moray_client::Client,
    planted: &Planted,
    expected: &str,
) -> Result<(), Trouble> {
    super::verify_routing::find(context, router, planted)
        .await
        .and_then(|found| planted.check(router.address(), &found.node, expected))
}

/// Removes whatever canaries there are, and forgets them.
pub(super) async fn remove_all(context: &Context) -> Result<(), Trouble> {
    let canaries: Vec<Planted> = context.fact(CANARIES)?.unwrap_or_default();
    let tag = tag(context.plan());
    let routers = routers(context)?;
    let Some(router) = routers.first() else { return Ok(()) };
    // Objects before their directories.
    for planted in canaries.iter().rev() {
        let key = &planted.canary.key;
        let removing = async {
            let removed = remove_canary(router, &planted.canary, &tag).await;
            removed.or_trouble(format!("the canary {key} cannot be removed"))
        };
        context.act(format!("remove the canary {key}"), removing).await?;
    }
    context.forget(CANARIES)
}

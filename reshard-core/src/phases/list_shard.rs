//! Lists the new shards in SAPI, and has every electric-moray's configuration written with them: to a shard that is not
//! listed there they write nothing.
//!
//! * Reads: SAPI's `INDEX_MORAY_SHARDS`; in each electric-moray zone its configuration and the stamps of its rings.
//! * Writes: `INDEX_MORAY_SHARDS`; config-agent is restarted.
//! * Done when: the list and all configurations have the new shards, and no process has got another ring meanwhile.
//! * Undo: takes the new shards out of the list and of the configurations.
//! * Pause: never; writes are refused.

use std::time::Duration;

use async_trait::async_trait;

use super::reserve_ring::Base;
use super::rollout::{Rings, find_routers, in_each, keep_reserved, newly_listed, where_running};
use super::unneeded::new_shards_unused;
use crate::hint::{Operation, hint};
use crate::phase::{About, Context, Phase, PhaseError, Undone};
use crate::rings;
use crate::routers::{self, InstanceState, Router};

/// Lists the new shards in SAPI and in every electric-moray's configuration.
pub struct ListShard;

#[async_trait]
impl Phase for ListShard {
    fn name(&self) -> &'static str {
        "list-shard"
    }

    fn about(&self) -> About {
        About {
            title: "list the new shards in SAPI and in every electric-moray's configuration",
            rfd103: "7",
            reads: "SAPI's INDEX_MORAY_SHARDS, the configurations and rings of all electric-morays",
            writes: "INDEX_MORAY_SHARDS; config-agent is restarted",
            done_when: "the list and all configurations have the new shards",
            undo: "the new shards are taken out of the list and of the configurations",
            pause: "never",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        if !context.in_write_block() {
            context.permission(Duration::ZERO).await?;
        }
        keep_reserved(context).await?;
        let rings = Rings::of(context).await?;
        let (plan, deployment) = (context.plan(), context.deployment());
        let shards = plan.target_names();
        let before = Base::of(context).await?.index_shards;
        let list = async { Ok(rings::list_shards(deployment, &before, &shards).await?) };
        context.act(format!("list {} in INDEX_MORAY_SHARDS", shards.join(", ")), list).await?;
        let routers = find_routers(context).await?;
        let what = "have every electric-moray's configuration written";
        let render = render(context, what, &rings, &routers, &shards, true);
        for (router, states) in context.act(what, render).await? {
            // A zone that was recreated after writes were blocked has the original ring, and takes writes.
            if !context.in_write_block() {
                continue;
            }
            if let Some(state) = states.iter().find(|state| state.image != Some(rings.read_only)) {
                return Err(PhaseError::hold(
                    format!(
                        "{} in {} does not have the read-only ring any more: was the zone reprovisioned, or is it new?",
                        state.instance, router.alias
                    ),
                    hint!(
                        "see that nobody changes electric-moray zones, then ",
                        Operation::Resume,
                        ", which begins the write block anew"
                    ),
                ));
            }
        }
        Ok(())
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        let shards = &newly_listed(context).await?;
        let names = shards.join(", ");
        new_shards_unused(context, &format!("{names} stays in INDEX_MORAY_SHARDS")).await?;
        let unlist = async { Ok(rings::unlist_shards(context.deployment(), shards).await?) };
        context.act(format!("take {names} out of INDEX_MORAY_SHARDS"), unlist).await?;
        let Some(rings) = &Rings::if_built(context).await? else { return Ok(Undone::Completely) };
        let what = "have every electric-moray's configuration written without them";
        let elsewhere = "its configuration is left as it is";
        let unlist = where_running(context, elsewhere, |routers| async move {
            render(context, what, rings, &routers, shards, false).await.map(drop)
        });
        context.act(what, unlist).await?;
        Ok(Undone::Completely)
    }
}

/// Has the configurations in these zones written, with the shards or without them. Returns the instances of each.
async fn render(
    context: &Context,
    what: &str,
    rings: &Rings,
    routers: &[Router],
    shards: &[String],
    listed: bool,
) -> Result<Vec<(Router, Vec<InstanceState>)>, PhaseError> {
    let (deployment, command) = (context.deployment(), &rings.command(context).await?);
    let work = |router: Router| async move {
        let states = routers::render_shards(deployment, &router, command, shards, listed).await?;
        Ok((router, states))
    };
    in_each(context, what, routers, work).await
}

//! Puts names right: the new peers are called after their new shard, and the plan's tag goes.
//!
//! * reads: aliases in VMAPI and SAPI
//! * writes: aliases in VMAPI and SAPI, the tags of SAPI's instances; in the peers' zones `/root/.bashrc` and the registrar
//! * done when: all of that says the new shard
//! * undo: nothing: the zones go as a whole
//! * pause: before

use async_trait::async_trait;

use super::join_settled::join_settled;
use super::new_zones::{Kind, Wanted, wanted};
use crate::hint::{Operation, hint};
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Undone};
use crate::shards::alias;
use crate::tidy::{drop_plan_tag, rename, tidy_peer};

/// Puts names right.
#[derive(Clone, Copy, Debug)]
pub struct TidyMetadata;

#[async_trait]
impl Phase for TidyMetadata {
    fn name(&self) -> &'static str {
        "tidy-metadata"
    }

    fn about(&self) -> About {
        About {
            title: "put aliases, tags and other metadata right",
            rfd103: "7",
            reads: "aliases in VMAPI and SAPI",
            writes: "aliases in VMAPI and SAPI, tags in SAPI, .bashrc and registrar in the new peers' zones",
            done_when: "all of that says the new shard",
            undo: "nothing",
            pause: "before",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        let plan = context.plan();
        join_settled(wanted(plan, Kind::Peer).into_iter().map(|one| tidy(context, one))).await?;
        join_settled(wanted(plan, Kind::Moray).into_iter().map(|one| untag(context, one))).await?;
        Ok(())
    }

    async fn undo(&self, _context: &Context) -> Result<Undone, PhaseError> {
        Ok(Undone::Completely)
    }
}

async fn tidy(context: &Context, one: Wanted<'_>) -> Result<(), PhaseError> {
    let (deployment, place) = (context.deployment(), one.made(context).await?.place);
    let (source, target) = (context.plan().source(), &one.target.name);
    let old = alias("postgres", source, place.zone);
    let new = alias("postgres", target, place.zone);
    context
        .act(format!("call {} {new}", place.zone), async {
            rename(deployment, &place, &old, &new).await.or_hold(
                format!("{} cannot be called {new}", place.zone),
                hint!(
                    "if somebody has renamed it, give it back its old or its new alias; then ",
                    Operation::Resume
                ),
            )
        })
        .await?;
    context
        .act(format!("have {} call itself {target}", place.zone), async {
            tidy_peer(deployment, &place, target, context.plan().uuid)
                .await
                .or_phase_error(format!("{} does not call itself {target}", place.zone))
        })
        .await?;
    untag(context, one).await
}

async fn untag(context: &Context, one: Wanted<'_>) -> Result<(), PhaseError> {
    let place = one.made(context).await?.place;
    context
        .act(format!("take the plan's tag off {}", place.zone), async {
            drop_plan_tag(context.deployment(), &place)
                .await
                .or_phase_error(format!("the plan's tag cannot be taken off {}", place.zone))
        })
        .await
}

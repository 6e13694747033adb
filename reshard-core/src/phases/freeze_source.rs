//! Freezes the source, so that no takeover changes its roles while peers join and leave.
//!
//! * reads: the source's state in ZooKeeper
//! * writes: the freeze in it, with the plan as its owner
//! * done when: the source is frozen by the plan
//! * undo: the plan's freeze is lifted
//! * pause: before

use async_trait::async_trait;
use manatee_client::{Frozen, Unfrozen};

use super::facts::TOLD_UNFROZEN;
use super::source::source;
use super::unneeded::new_shards_gone;
use crate::hint::{Operation, hint};
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Undone, Withheld};
use crate::plan::Mode;
use crate::shards::{freeze_for_plan, unfreeze_for_plan};

/// Freezes the source.
#[derive(Clone, Copy, Debug)]
pub struct FreezeSource;

#[async_trait]
impl Phase for FreezeSource {
    fn name(&self) -> &'static str {
        "freeze-source"
    }

    fn about(&self) -> About {
        About {
            title: "freeze the source",
            rfd103: "3",
            reads: "the source's state in ZooKeeper",
            writes: "the freeze in it, owned by the plan",
            done_when: "the source is frozen by the plan",
            undo: "lifts the plan's freeze",
            pause: "before",
        }
    }

    fn withholds(&self) -> &'static [Withheld] {
        &[Withheld::Takeovers]
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        if context.plan().request.mode == Mode::Rfd103 {
            // From here on nobody takes over until the plan is over: no time to wait for anything.
            context.permission(context.plan().prediction.write_block()).await?;
        }
        let (shard, plan) = (source(context), context.plan().uuid);
        let what = format!("freeze the shard {}", shard.name());
        let frozen = context
            .act(what, async {
                freeze_for_plan(&shard, plan, context.now()).await.or_hold(
                    format!("the shard {} cannot be frozen", shard.name()),
                    hint!(
                        "if somebody else has frozen it, wait until they have unfrozen it; then ",
                        Operation::Resume
                    ),
                )
            })
            .await?;
        if frozen == Frozen::Already {
            context.note("the plan had frozen it before").await?;
        }
        Ok(())
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        let (shard, plan) = (source(context), context.plan().uuid);
        // In the guarded mode nobody can be led to a new shard by then, and its peers have left the source for good.
        if context.plan().request.mode == Mode::Rfd103 {
            new_shards_gone(context, &format!("the shard {} stays frozen", shard.name())).await?;
        }
        let what = format!("lift the plan's freeze of the shard {}", shard.name());
        let unfrozen = context
            .act(what, async {
                unfreeze_for_plan(&shard, plan).await.or_hold(
                    format!("the plan's freeze of the shard {} cannot be lifted", shard.name()),
                    hint!(
                        "if somebody else has frozen it meanwhile, that freeze stays until they lift it; then ",
                        Operation::Abort
                    ),
                )
            })
            .await?;
        if unfrozen == Unfrozen::Already {
            context.note("it was not frozen").await?;
        }
        context.forget(&TOLD_UNFROZEN).await?;
        Ok(Undone::Completely)
    }
}

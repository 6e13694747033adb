//! Lifts the plan's freezes of the source and the new shards, so that failed peers are replaced again.
//!
//! * reads: the shards' states, the new primaries
//! * writes: the states without the plan's freeze
//! * done when: no shard is frozen by the plan. A new shard of one peer keeps the freeze that belongs to that.
//! * undo: nothing: the source's freeze is lifted by undoing `freeze-source`
//! * pause: while waiting for a new shard

use std::time::Duration;

use async_trait::async_trait;
use manatee_client::Shard;

use super::source::{shard, source, takes_writes};
use crate::hint::{Operation, hint};
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Undone, Withheld};
use crate::plan::Target;
use crate::shards::unfreeze_for_plan;

/// The longest that a new shard may take to be well.
const READY: Duration = Duration::from_mins(10);

/// Lifts the freezes.
#[derive(Clone, Copy, Debug)]
pub struct Unfreeze;

#[async_trait]
impl Phase for Unfreeze {
    fn name(&self) -> &'static str {
        "unfreeze"
    }

    fn about(&self) -> About {
        About {
            title: "unfreeze the source and the new shards",
            rfd103: "12",
            reads: "the shards' states, the new primaries",
            writes: "the states without the plan's freeze",
            done_when: "no shard is frozen by the plan",
            undo: "nothing",
            pause: "while waiting for a new shard",
        }
    }

    /// As long as it is not done, be it the plan's own or the cutover's.
    fn withholds(&self) -> &'static [Withheld] {
        &[Withheld::Takeovers]
    }

    fn gives_back(&self) -> &'static [Withheld] {
        &[Withheld::Takeovers]
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        for target in context.plan().targets() {
            unfreeze_target(context, target).await?;
        }
        unfreeze(context, &source(context)).await
    }

    async fn undo(&self, _context: &Context) -> Result<Undone, PhaseError> {
        Ok(Undone::Completely)
    }
}

/// Unfreezes a new shard once its sync confirms writes: a sync that is merely late must not depose the primary.
async fn unfreeze_target(context: &Context, target: &Target) -> Result<(), PhaseError> {
    let shard = shard(context, &target.name);
    let stored = shard.read_existing().await;
    let stored = stored.or_phase_error(format!("the state of {} cannot be read", target.name))?;
    if stored.state.one_node_write_mode {
        return context.note(format!("{} stays frozen: it is one peer alone", target.name)).await;
    }
    takes_writes(context, &target.name, &stored.state, READY).await?;
    unfreeze(context, &shard).await
}

pub(super) async fn unfreeze(context: &Context, shard: &Shard) -> Result<(), PhaseError> {
    let lifting = async {
        unfreeze_for_plan(shard, context.plan().uuid).await.or_hold(
            format!("{} cannot be unfrozen", shard.name()),
            hint!(
                "if somebody else has frozen it, that freeze stays until they lift it; then ",
                Operation::Resume
            ),
        )
    };
    context.act(format!("unfreeze {}", shard.name()), lifting).await?;
    Ok(())
}

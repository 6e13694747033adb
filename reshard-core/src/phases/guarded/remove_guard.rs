//! Takes the guard down at source and new shards, and removes the switches.
//!
//! * reads: the guard's rows
//! * writes: triggers and the schema `reshard` are dropped; `/manta_reshard/switch/NEW` is removed
//! * done when: nothing of it is left
//! * undo: none: the new shards have the vnodes
//! * pause: between two shards

use async_trait::async_trait;
use manatee_client::ShardName;

use super::moves::{GuardedMove, lease, moves, primary};
use super::open_switches::remove_switches;
use crate::guard::{Patience, remove};
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Undone};
use crate::phases::rollout::too_late;

/// Takes the guard down.
#[derive(Clone, Copy, Debug)]
pub struct RemoveGuard;

#[async_trait]
impl Phase for RemoveGuard {
    fn name(&self) -> &'static str {
        "remove-guard"
    }

    fn about(&self) -> About {
        About {
            title: "take the guard down at source and new shards",
            rfd103: "",
            reads: "the guard's rows",
            writes: "triggers and the schema reshard are dropped; /manta_reshard/switch/NEW is removed",
            done_when: "nothing of it is left",
            undo: "none: the new shards have the vnodes",
            pause: "between two shards",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        for one in moves(context.plan()) {
            for name in [&one.target.name, context.plan().source()] {
                take_down(context, name, one).await?;
            }
        }
        remove_switches(context).await
    }

    async fn undo(&self, _context: &Context) -> Result<Undone, PhaseError> {
        Err(too_late(self))
    }
}

async fn take_down(
    context: &Context,
    name: &ShardName,
    one: GuardedMove<'_>,
) -> Result<(), PhaseError> {
    let removing = async {
        let database = primary(context, name).await?;
        let removed = remove(database, lease(context), one.number, &Patience::FOR_TABLES).await;
        removed.or_phase_error(format!("the guard cannot be removed from {name}"))
    };
    let what = format!("remove the guard of the move to {} from {name}", one.target.name);
    context.act(what, removing).await.map(drop)
}

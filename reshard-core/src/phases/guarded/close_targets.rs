//! Closes the new shards, which are copies of the source with its guard in them: writes of their vnodes are refused there until
//! the cutover opens them. Nobody knows them yet.
//!
//! * reads: which servers the primaries of source and new shards are
//! * writes: the guard's row of the move in each new shard's database, whose copied log is emptied
//! * done when: each is closed
//! * undo: nothing: the new shards are destroyed
//! * pause: between two of them

use async_trait::async_trait;

use super::moves::{GuardedMove, moves, primary, session};
use crate::guard::{close_copied_target, set_read_only};
use crate::hint::{Operation, hint};
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Undone};

/// Closes the new shards until the cutover.
#[derive(Clone, Copy, Debug)]
pub struct CloseTargets;

#[async_trait]
impl Phase for CloseTargets {
    fn name(&self) -> &'static str {
        "close-targets"
    }

    fn about(&self) -> About {
        About {
            title: "close the new shards until the cutover",
            rfd103: "",
            reads: "which servers the primaries of source and new shards are",
            writes: "the guard's row of the move in each new shard's database",
            done_when: "each new shard refuses writes of its vnodes",
            undo: "nothing: the new shards are destroyed",
            pause: "between two of them",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        for one in moves(context.plan()) {
            let what = format!("close {} until the cutover", one.target.name);
            context.act(what, close(context, one)).await?;
        }
        Ok(())
    }

    async fn undo(&self, _context: &Context) -> Result<Undone, PhaseError> {
        Ok(Undone::Completely)
    }
}

async fn close(context: &Context, one: GuardedMove<'_>) -> Result<(), PhaseError> {
    let (name, source) = (&one.target.name, primary(context, context.plan().source()).await?);
    let failed = format!("{name} cannot be closed");
    let remedy =
        || hint!("find out what is in its place; ", Operation::Abort, " rolls everything back");
    let admin = primary(context, name).await?;
    set_read_only(&admin, true).await.or_phase_error(&failed)?;
    // Only one that is connected now has what is the default now.
    let mut there = session(context, name).await?;
    close_copied_target(&mut there, one.number, &source).await.or_hold(&failed, remedy())?;
    set_read_only(&admin, false).await.or_phase_error(&failed)
}

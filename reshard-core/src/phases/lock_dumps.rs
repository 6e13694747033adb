//! Keeps the nightly dumps away, and waits until none runs: a dump of a peer that changes its shard would be of neither.
//!
//! * reads: `/pg_dump_lock`, the source's state, processes and the port 23456 of all its peers
//! * writes: the plan as a holder of `/pg_dump_lock`
//! * done when: the plan holds the lock and no dump runs on any peer of the source
//! * undo: the plan's hold is released
//! * pause: while waiting for a dump

use std::time::Duration;

use async_trait::async_trait;
use manatee_client::{DumpLock, DumpLockState, Peer};

use super::facts::{DUMP_LOCK_SINCE, TOLD_UNLOCKED};
use super::new_zones::{Kind, wanted};
use super::source::source_state;
use super::unneeded::new_shards_gone;
use crate::deployment::ZonePlace;
use crate::dumps::running_dumps;
use crate::hint::{Operation, hint};
use crate::phase::{
    About, Context, Phase, PhaseError, PhaseResultExt, Poll, Undone, Wait, Withheld,
};
use crate::plan::Mode;

/// Keeps dumps away.
#[derive(Clone, Copy, Debug)]
pub struct LockDumps;

#[async_trait]
impl Phase for LockDumps {
    fn name(&self) -> &'static str {
        "lock-dumps"
    }

    fn about(&self) -> About {
        About {
            title: "lock out dumps and wait for those that run",
            rfd103: "5, 6",
            reads: "/pg_dump_lock, the processes of all peers of the source, their port 23456",
            writes: "the plan as a holder of /pg_dump_lock",
            done_when: "the plan holds the lock and no dump runs on any peer of the source",
            undo: "releases the plan's hold",
            pause: "while waiting for a dump",
        }
    }

    fn withholds(&self) -> &'static [Withheld] {
        &[Withheld::Dumps]
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        let since = context.decided(&DUMP_LOCK_SINCE, || async { Ok(context.now()) }).await?;
        let owner = context.plan().uuid.to_string();
        context
            .act("lock out dumps", async {
                lock(context).acquire(&owner, since).await.or_hold(
                    "dumps cannot be locked out",
                    hint!(
                        "if the lock was made by hand, delete it when it is not needed any more; then ",
                        Operation::Resume
                    ),
                )
            })
            .await?;
        let patience = Duration::from_secs(context.tuning().await?.wait_seconds);
        let waiting = Wait {
            what: "running dumps to end".to_owned(),
            hint: hint!(
                "look at them with ",
                Operation::ListDumps { shard: context.plan().request.source.clone() },
                "; a dump that hangs can be killed in its zone"
            ),
        };
        context.wait(waiting, patience, || no_dump_runs(context)).await
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        // In the guarded mode dumps are locked out only while the new peers leave.
        if context.plan().request.mode == Mode::Rfd103 {
            new_shards_gone(context, "dumps stay locked out").await?;
        }
        release(context).await?;
        context.forget(&DUMP_LOCK_SINCE).await?;
        context.forget(&TOLD_UNLOCKED).await?;
        Ok(Undone::Completely)
    }
}

/// Holds if somebody has removed the lock. It is taken again once the operator was told and wants to go on.
pub(super) async fn still_locked(context: &Context) -> Result<(), PhaseError> {
    let held = lock(context).state().await.or_phase_error("the lock on dumps cannot be read")?;
    if held != DumpLockState::Free {
        return Ok(());
    }
    if !context.get(&TOLD_UNLOCKED).await?.unwrap_or(false) {
        context.put(&TOLD_UNLOCKED, &true).await?;
        return Err(PhaseError::hold(
            "dumps are not locked out any more: somebody has removed /pg_dump_lock",
            hint!(
                "find out who, and why; then ",
                Operation::Resume,
                " locks them out again, or ",
                Operation::Abort,
                " rolls everything back"
            ),
        ));
    }
    LockDumps.run(context).await?;
    context.forget(&TOLD_UNLOCKED).await
}

fn lock(context: &Context) -> DumpLock {
    DumpLock::new(context.deployment().session().clone()).fenced_by(context.lock())
}

/// Lets dumps begin again, unless others hold the lock too.
pub(super) async fn release(context: &Context) -> Result<(), PhaseError> {
    let owner = context.plan().uuid.to_string();
    context
        .act("release the lock on dumps", async {
            lock(context).release(&owner).await.or_hold(
                "the lock on dumps cannot be released",
                hint!(
                    "if somebody has replaced it by hand, it is theirs to delete; when it is gone, ",
                    Operation::Resume
                ),
            )
        })
        .await
}

async fn no_dump_runs(context: &Context) -> Result<Poll<()>, PhaseError> {
    let state = source_state(context).await?;
    let places = places(context).await;
    let place_of = |peer: &Peer| {
        places.iter().find(|place| place.zone.to_string() == peer.zone_id.as_str()).cloned()
    };
    let running = running_dumps(context.deployment(), &state, place_of).await;
    let running = running.or_phase_error("whether a dump runs cannot be seen")?;
    if running.is_empty() {
        return Ok(Poll::Ready(()));
    }
    let told: Vec<String> =
        running.iter().map(|one| format!("{} on {}", one.what, one.peer)).collect();
    Ok(Poll::Pending(None, told.join(", ")))
}

/// The places of the peers' zones: of those that were there when the plan was made, and of those that the plan made.
async fn places(context: &Context) -> Vec<ZonePlace> {
    let plan = context.plan();
    let old = plan.source_facts().peers.iter().map(|peer| peer.zone.place.clone());
    let mut places: Vec<ZonePlace> = old.collect();
    for one in wanted(plan, Kind::Peer) {
        places.extend(one.made(context).await.ok().map(|made| made.place));
    }
    places
}

//! Has the new shards follow the source: what was written since they parted is replayed out of the guard's log, and then every
//! row of the moving vnodes is compared.
//!
//! * reads: the guard's log and the rows of the moving vnodes at the source, the same rows at the new shards
//! * writes: those rows at the new shards; replayed entries of the log are deleted; the fact `followed`
//! * done when: the log was empty a moment ago, and all rows are the same
//! * undo: nothing: the new shards are destroyed
//! * pause: between two looks at the log

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use tokio::sync::Notify;

use super::leg::{Ends, Leg};
use super::moves::{GuardedMove, lease, moves, say_once};
use crate::guard::{
    Replay, ReplayOptions, Verified, Verify, VerifyOptions, VerifyPlaces, VerifyProgress,
};
use crate::hint::{Operation, hint};
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Poll, Undone, Wait};
use crate::phases::facts::FOLLOWED;

/// The time for which the log is replayed between two reports.
const SLICE: Duration = Duration::from_secs(1);

/// Has the new shards follow the source.
#[derive(Clone, Copy, Debug)]
pub struct Follow;

#[async_trait]
impl Phase for Follow {
    fn name(&self) -> &'static str {
        "follow"
    }

    fn about(&self) -> About {
        About {
            title: "have the new shards follow the source, and compare every row",
            rfd103: "",
            reads: "the guard's log and the rows of the moving vnodes at the source and the new shards",
            writes: "those rows at the new shards; replayed entries of the log are deleted",
            done_when: "the log was empty a moment ago, and all rows are the same",
            undo: "nothing: the new shards are destroyed",
            pause: "between two looks at the log",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        for one in moves(context.plan()) {
            follow(context, Leg::forth(context, one)).await?;
        }
        Ok(())
    }

    fn kept_up_until(&self) -> Option<&'static str> {
        Some("cut-over")
    }

    /// The log is replayed as it grows, so that there is little of it at the cutover.
    async fn keep_up(&self, context: &Context) -> Infallible {
        if context.undoing {
            // Nobody goes on to the cutover.
            return std::future::pending().await;
        }
        let mut said = String::new();
        loop {
            let all = moves(context.plan()).map(|one| Box::pin(replay(context, one)));
            if let Err(trouble) = try_join_all(all).await {
                say_once(context, &trouble, &mut said).await;
            }
            context.sleep(SLICE).await;
        }
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        context.forget(&FOLLOWED).await?;
        Ok(Undone::Completely)
    }
}

/// Has one shard follow, and remembers which databases were compared.
pub(super) async fn follow(context: &Context, leg: Leg<'_>) -> Result<(), PhaseError> {
    let (from, to) = (leg.from, leg.to);
    let ends = leg.ends(context).await?;
    let patience = Duration::from_secs(context.tuning().await?.wait_seconds);
    catch_up(context, leg, &ends, patience).await?;
    let places = VerifyPlaces::primaries(&ends.from, &ends.to);
    let hash = &context.plan().inventory.ring.hashing;
    let failed = format!("the rows of {to} cannot be compared with those of {from}");
    let verify = Verify::connect(leg.one.number, hash, &places, VerifyOptions::default()).await;
    let verify = verify.or_phase_error(&failed)?;
    let compared = AtomicU64::new(0);
    let comparing = async {
        let on_progress = |progress: &VerifyProgress| {
            compared.store(progress.rows, Ordering::Relaxed);
        };
        // What is written meanwhile differs until it is replayed.
        let mut replay = connect(context, leg, &ends).await?;
        let over = Notify::new();
        let verifying = async {
            let verified = verify.run(&on_progress).await;
            over.notify_one();
            verified
        };
        let (verified, followed) = tokio::join!(verifying, replay.follow(over.notified(), &|_| {}));
        followed.or_phase_error(self::failed(leg))?;
        verified.or_phase_error(&failed)
    };
    let what = format!("compare the rows of the vnodes that move from {from} to {to}");
    judge(leg, &Box::pin(context.act(what, comparing)).await?)?;
    let rows = compared.load(Ordering::Relaxed);
    let same =
        format!("{rows} rows of the vnodes that move from {from} to {to} are the same at both");
    context.note(same).await?;
    catch_up(context, leg, &ends, patience).await?;
    leg.remember(context, &ends).await
}

/// Replays the log of a move as it grows.
async fn replay(context: &Context, one: GuardedMove<'_>) -> Result<(), PhaseError> {
    let leg = Leg::forth(context, one);
    let mut replay = connect(context, leg, &leg.ends(context).await?).await?;
    let followed = replay.follow(std::future::pending(), &|_| {}).await;
    followed.map(drop).or_phase_error(failed(leg))
}

async fn connect(context: &Context, leg: Leg<'_>, ends: &Ends) -> Result<Replay, PhaseError> {
    let hash = &context.plan().inventory.ring.hashing;
    let (lease, options) = (lease(context), ReplayOptions::default());
    let replay = Replay::connect(lease, leg.one.number, hash, &ends.from, &ends.to, options).await;
    replay.or_phase_error(failed(leg))
}

fn failed(leg: Leg<'_>) -> String {
    format!("{} does not follow {}", leg.to, leg.from)
}

/// Holds if rows differ.
fn judge(leg: Leg<'_>, verified: &Verified) -> Result<(), PhaseError> {
    if verified.is_sound() {
        return Ok(());
    }
    let (from, to) = (leg.from, leg.to);
    let (count, first) = (verified.differences.len(), verified.differences.first());
    let such =
        first.map(|one| format!(", such as {} {:?}", one.bucket, one.key)).unwrap_or_default();
    if count == 0 {
        return Err(PhaseError::transient(format!(
            "rows of {to} change faster than they can be compared with those of {from}"
        )));
    }
    let rows = if count == 1 { "1 row is".to_owned() } else { format!("{count} rows are") };
    let what = format!("{rows} not the same at {to} and {from}{such}");
    let remedy = if leg.is_back() {
        hint!("find out who writes there, past the guard; then ", Operation::Resume)
    } else {
        hint!(
            format!(
                "find out who wrote to {to}, or past the guard at {from}: delete at {to} what only it has (with `SET \
                 session_replication_role = replica`, as it refuses writes), and have the other rows written again at {from}; then "
            ),
            Operation::Resume,
            " compares all of them again, or ",
            Operation::Abort,
            " rolls everything back"
        )
    };
    Err(PhaseError::hold(what, remedy))
}

/// Replays the log until it is empty for a moment.
pub(super) async fn catch_up(
    context: &Context,
    leg: Leg<'_>,
    ends: &Ends,
    patience: Duration,
) -> Result<(), PhaseError> {
    let (from, to) = (leg.from, leg.to);
    let replay = tokio::sync::Mutex::new(connect(context, leg, ends).await?);
    let entries = AtomicU64::new(0);
    let waiting = Wait {
        what: format!("{to} to have what was written at {from} since they parted"),
        hint: "if the log grows faster than it is replayed: see what keeps the disk of the primary that follows, or its sync, busy"
            .into(),
    };
    let look = || async {
        let drained = replay.lock().await.drain(SLICE).await.or_phase_error(failed(leg))?;
        let all = entries.fetch_add(drained.entries, Ordering::Relaxed) + drained.entries;
        let pending = Poll::Pending(None, format!("{all} entries of the log replayed"));
        Ok(if drained.is_empty { Poll::Ready(all) } else { pending })
    };
    let replayed = context.wait(waiting, patience, look).await?;
    context.note(format!("{replayed} entries of the log were replayed at {to}")).await
}

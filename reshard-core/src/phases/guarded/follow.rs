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
use manatee_client::{PgEndpoint, ShardName};

use super::moves::{GuardedMove, identity, lease, moves, primary};
use crate::guard::{
    Identity, Replay, ReplayOptions, Verified, Verify, VerifyOptions, VerifyPlaces,
};
use crate::hint::{Operation, hint};
use crate::journal::EntryKind;
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
            follow(context, one).await?;
        }
        Ok(())
    }

    fn kept_up_until(&self) -> Option<&'static str> {
        Some("cut-over")
    }

    /// The log is replayed as it grows, so that there is little of it at the cutover.
    async fn keep_up(&self, context: &Context) -> Infallible {
        let mut said = String::new();
        loop {
            let all = moves(context.plan()).map(|one| Box::pin(replay(context, one)));
            if let Err(trouble) = try_join_all(all).await {
                let text = trouble.with_causes();
                // A journal that cannot be written is noticed with the next change.
                if text != said && !matches!(trouble, PhaseError::Stopped) {
                    context.log(EntryKind::Trouble, text.as_str()).await.ok();
                }
                said = text;
            }
            context.sleep(SLICE).await;
        }
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        context.forget(&FOLLOWED).await?;
        Ok(Undone::Completely)
    }
}

/// The ends of a move as they are now.
pub(super) struct Ends {
    pub(super) source: PgEndpoint,
    pub(super) target: PgEndpoint,
    pub(super) identities: [Identity; 2],
}

pub(super) async fn ends(context: &Context, target: &ShardName) -> Result<Ends, PhaseError> {
    let source = context.plan().source();
    let (here, there) = (primary(context, source).await?, primary(context, target).await?);
    let identities =
        [identity(context, source, &here).await?, identity(context, target, &there).await?];
    Ok(Ends { source: here.endpoint().clone(), target: there.endpoint().clone(), identities })
}

/// Has one new shard follow, and remembers which databases were compared.
pub(super) async fn follow(context: &Context, one: GuardedMove<'_>) -> Result<(), PhaseError> {
    let name = &one.target.name;
    let ends = ends(context, name).await?;
    catch_up(context, one, &ends.source, &ends.target).await?;
    let places = VerifyPlaces::primaries(&ends.source, &ends.target);
    let hash = &context.plan().inventory.ring.hashing;
    let failed = format!("the rows of {name} cannot be compared with the source's");
    let verify = Verify::connect(one.number, hash, &places, VerifyOptions::default()).await;
    let verify = verify.or_phase_error(&failed)?;
    let compared = AtomicU64::new(0);
    let comparing = async {
        let verified =
            verify.run(&|progress| compared.store(progress.rows, Ordering::Relaxed)).await;
        verified.or_phase_error(&failed)
    };
    let what = format!("compare the rows of the vnodes that move to {name}");
    judge(name, &context.act(what, comparing).await?)?;
    let rows = compared.load(Ordering::Relaxed);
    context
        .note(format!("{rows} rows of the vnodes that move to {name} are the same at both"))
        .await?;
    catch_up(context, one, &ends.source, &ends.target).await?;
    let mut followed = context.get(&FOLLOWED).await?.unwrap_or_default();
    followed.insert(name.clone(), ends.identities);
    context.put(&FOLLOWED, &followed).await
}

/// Replays the log of a move as it grows.
async fn replay(context: &Context, one: GuardedMove<'_>) -> Result<(), PhaseError> {
    let name = &one.target.name;
    let ends = ends(context, name).await?;
    let hash = &context.plan().inventory.ring.hashing;
    let failed = format!("{name} does not follow the source");
    let (lease, options) = (lease(context), ReplayOptions::default());
    let replay =
        Replay::connect(lease, one.number, hash, &ends.source, &ends.target, options).await;
    let mut replay = replay.or_phase_error(&failed)?;
    let followed = replay.follow(std::future::pending(), &|_| {}).await;
    followed.map(drop).or_phase_error(failed)
}

/// Holds if rows differ.
fn judge(name: &ShardName, verified: &Verified) -> Result<(), PhaseError> {
    if verified.is_sound() {
        return Ok(());
    }
    let (count, first) = (verified.differences.len(), verified.differences.first());
    let such =
        first.map(|one| format!(", such as {} {:?}", one.bucket, one.key)).unwrap_or_default();
    if count == 0 {
        return Err(PhaseError::transient(format!(
            "rows of {name} change faster than they can be compared with the source's"
        )));
    }
    let rows = if count == 1 { "1 row is".to_owned() } else { format!("{count} rows are") };
    Err(PhaseError::hold(
        format!("{rows} not the same at {name} and the source{such}"),
        hint!(
            format!(
                "find out who wrote to {name}, or past the guard at the source: delete at {name} what only it has (with `SET \
                 session_replication_role = replica`, as it refuses writes), and have the other rows written again at the source; then "
            ),
            Operation::Resume,
            " compares all of them again, or ",
            Operation::Abort,
            " rolls everything back"
        ),
    ))
}

/// Replays the log until it is empty for a moment.
pub(super) async fn catch_up(
    context: &Context,
    one: GuardedMove<'_>,
    source: &PgEndpoint,
    target: &PgEndpoint,
) -> Result<(), PhaseError> {
    let name = &one.target.name;
    let hash = &context.plan().inventory.ring.hashing;
    let failed = format!("{name} cannot follow the source");
    let options = ReplayOptions::default();
    let replay = Replay::connect(lease(context), one.number, hash, source, target, options).await;
    let replay = tokio::sync::Mutex::new(replay.or_phase_error(&failed)?);
    let entries = AtomicU64::new(0);
    let waiting = Wait {
        what: format!("{name} to have what was written since it parted from the source"),
        hint: "if the log grows faster than it is replayed: see what keeps the new primary's disk, or its sync, busy".into(),
    };
    let look = || async {
        let drained = replay.lock().await.drain(SLICE).await.or_phase_error(&failed)?;
        let all = entries.fetch_add(drained.entries, Ordering::Relaxed) + drained.entries;
        let pending = Poll::Pending(None, format!("{all} entries of the log replayed"));
        Ok(if drained.is_empty { Poll::Ready(all) } else { pending })
    };
    let patience = Duration::from_secs(context.tuning().await?.wait_seconds);
    let replaying = context.wait(waiting, patience, look).await?;
    context.note(format!("{replaying} entries of the log were replayed at {name}")).await
}

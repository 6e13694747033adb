//! Waits until the new peers have restored the database and replicate.
//!
//! * reads: `http://PEER:5433/restore`, the positions of the source's primary and of the new peers
//! * writes: nothing (a checkpoint on each new peer); the freeze again, if somebody has lifted it and the operator goes on
//! * done when: every new peer streams and is less than a segment of WAL behind the primary
//! * undo: nothing
//! * pause: at any time

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use manatee_client::{ClusterState, Lsn, Peer};
use sapi_client::InstanceUuid;

use super::join_settled::join_settled;
use super::new_zones::{Kind, wanted};
use super::provision_peers::not_the_tail;
use super::source::{followed_source, primary_is_silent, then_resume};
use crate::hint::{Operation, hint};
use crate::journal::Progress;
use crate::peers::{ChainError, PeerProgress, ReplicaState, follow, tail_of};
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Poll, Undone, Wait};

/// A segment of WAL: whoever is less behind catches up within moments.
const SLACK: u64 = 16 << 20;
/// The longest that nothing may go on.
const STALLED: Duration = Duration::from_mins(10);
/// The longest that the primary may be silent.
const SILENT: Duration = Duration::from_mins(1);
/// The longest that a checkpoint may take.
const CHECKPOINT: Duration = Duration::from_mins(10);

/// Waits for the new peers.
#[derive(Clone, Copy, Debug)]
pub struct CatchUp;

#[async_trait]
impl Phase for CatchUp {
    fn name(&self) -> &'static str {
        "catch-up"
    }

    fn about(&self) -> About {
        About {
            title: "wait until the new peers replicate",
            rfd103: "3",
            reads: "http://PEER:5433/restore, positions of the source's primary and the new peers",
            writes: "nothing; a checkpoint on each new peer, so that it restarts fast; the freeze again, if somebody has lifted it and the operator goes on",
            done_when: "every new peer streams and is less than 16 MiB behind",
            undo: "nothing",
            pause: "at any time",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        let zones = new_peer_zones(context).await?;
        let seen = Mutex::new(LastSeen {
            changed: context.monotonic(),
            answered: context.monotonic(),
            last: Vec::new(),
        });
        let waiting = Wait {
            what: "the new peers to catch up".to_owned(),
            hint: "look at `svcs -xv` and the sitter's log in the zone of one that does not get on"
                .into(),
        };
        let patience = Duration::from_secs(context.tuning().await?.wait_seconds);
        let peers = context.wait(waiting, patience, || look(context, &zones, &seen)).await?;
        join_settled(peers.iter().map(|peer| checkpoint(context, peer))).await?;
        Ok(())
    }

    async fn undo(&self, _context: &Context) -> Result<Undone, PhaseError> {
        Ok(Undone::Completely)
    }
}

/// The progress that was seen last, for telling whether anything goes on.
struct LastSeen {
    changed: Duration,
    /// The time at which the primary last answered.
    answered: Duration,
    last: Vec<PeerProgress>,
}

/// The zones of the new peers.
pub(super) async fn new_peer_zones(context: &Context) -> Result<Vec<InstanceUuid>, PhaseError> {
    let mut zones = Vec::new();
    for one in wanted(context.plan(), Kind::Peer) {
        zones.push(one.made(context).await?.place.zone);
    }
    Ok(zones)
}

async fn look(
    context: &Context,
    zones: &[InstanceUuid],
    seen: &Mutex<LastSeen>,
) -> Result<Poll<Vec<Peer>>, PhaseError> {
    let state = followed_source(context).await?;
    let peers = match tail_of(&state, zones) {
        Ok(peers) => peers,
        Err(error @ ChainError::Missing { .. }) => {
            return stalled(context, seen, Vec::new(), &error.to_string());
        }
        Err(error) => return Err(not_the_tail(&error)),
    };
    let position = position(context, &state, seen).await?;
    let progress = follow(context.deployment(), &state, &peers, position).await;
    if progress.iter().all(|one| one.standing.is_within(SLACK)) {
        return Ok(Poll::Ready(peers));
    }
    let told: Vec<String> = progress.iter().map(ToString::to_string).collect();
    stalled(context, seen, progress, &told.join("; "))
}

/// The primary's position. It may be silent for a moment.
async fn position(
    context: &Context,
    state: &ClusterState,
    seen: &Mutex<LastSeen>,
) -> Result<Lsn, PhaseError> {
    let name = context.plan().source();
    let what = format!("the primary of {name} does not tell its position");
    let endpoint = state.primary.endpoint().map_err(|error| {
        PhaseError::hold(format!("{what}: {error}"), then_resume(primary_is_silent(state, name)))
    })?;
    let asked = context.deployment().databases().current_position(&endpoint).await;
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let now = context.monotonic();
    match asked.or_phase_error(what) {
        Ok(position) => {
            seen.answered = now;
            Ok(position)
        }
        Err(trouble) if context.since(seen.answered) >= SILENT => Err(PhaseError::hold(
            trouble.with_causes(),
            then_resume(primary_is_silent(state, name)),
        )),
        Err(trouble) => Err(trouble),
    }
}

/// Not yet; for how long it has not got on.
fn stalled(
    context: &Context,
    seen: &Mutex<LastSeen>,
    progress: Vec<PeerProgress>,
    told: &str,
) -> Result<Poll<Vec<Peer>>, PhaseError> {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if progress != seen.last {
        seen.changed = context.monotonic();
    }
    let bytes = restored(&progress);
    seen.last = progress;
    if context.since(seen.changed) >= STALLED {
        return Err(PhaseError::hold(
            format!("the new peers have not got on for {} s: {told}", STALLED.as_secs()),
            hint!(
                "look at `svcs -xv` and the sitter's log in their zones; ",
                Operation::Resume,
                " goes on waiting, ",
                Operation::Abort,
                " rolls everything back"
            ),
        ));
    }
    Ok(Poll::Pending(bytes, told.to_owned()))
}

/// The part of the restores that is done, while there are any.
fn restored(progress: &[PeerProgress]) -> Option<Progress> {
    let (mut done, mut total) = (0, 0);
    for one in progress {
        if let ReplicaState::Restoring { completed, size } = one.standing {
            done += completed;
            total += size.max(completed);
        }
    }
    (total > 0).then(|| Progress { done, total, unit: "bytes".to_owned() })
}

/// Has a peer write its dirty pages now, and not when it is restarted inside the write block. Only speed depends on it.
async fn checkpoint(context: &Context, peer: &Peer) -> Result<(), PhaseError> {
    let Ok(endpoint) = peer.endpoint() else { return Ok(()) };
    match context.deployment().databases().checkpoint(&endpoint, CHECKPOINT).await {
        Ok(()) => Ok(()),
        Err(error) => context.note(format!("{error}; the peer will restart more slowly")).await,
    }
}

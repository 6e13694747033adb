//! The shard that is split, as its phases look at it.

use std::time::Duration;

use manatee_client::{ClusterState, HeldLock, Peer, Shard, ShardName, UNNAMED_OWNER};

use super::catch_up::new_peer_zones;
use super::facts::TOLD_UNFROZEN;
use super::provision_peers::not_the_tail;
use crate::hint::{Hint, Operation, hint};
use crate::peers::tail_of;
use crate::phase::{Context, PhaseError, PhaseResultExt, Poll, Wait};
use crate::plan::Mode;
use crate::shards::{freeze_for_plan, frozen_for_plan, primary_ready};

/// A shard, whose writes only this executor may make.
pub(super) fn shard(context: &Context, name: &ShardName) -> Shard {
    let lock: &HeldLock = context.lock();
    context.deployment().shard(name.clone()).fenced_by(lock)
}

/// The source, whose writes only this executor may make.
pub(super) fn source(context: &Context) -> Shard {
    shard(context, context.plan().source())
}

/// The source's state.
pub(super) async fn source_state(context: &Context) -> Result<ClusterState, PhaseError> {
    let shard = source(context);
    let stored = shard.read_existing().await;
    let stored =
        stored.or_phase_error(format!("the state of shard {} cannot be read", shard.name()))?;
    Ok(stored.state)
}

/// The source's state, if it is still frozen by the plan: its roles cannot have changed then. A freeze that somebody has lifted is
/// set again once the operator was told and wants to go on.
pub(super) async fn frozen_source(context: &Context) -> Result<ClusterState, PhaseError> {
    let state = source_state(context).await?;
    let (plan, name) = (context.plan().uuid, context.plan().source());
    if frozen_for_plan(&state, plan) {
        return Ok(state);
    }
    let foreign = |found: &str| {
        format!("somebody else has changed the plan's freeze of the shard {name}: {found}")
    };
    if let Some(freeze) = &state.freeze {
        let remedy = match freeze.owner() {
            // Lifted, it would take the ground from under a plan that moves peers.
            Some(_) => hint!(
                "let the plan that froze it end: ",
                Operation::ListPlans,
                " lists them; then ",
                Operation::Resume
            ),
            None => {
                // Whoever has lifted that one is not told of it once more.
                context.put(&TOLD_UNFROZEN, &true).await?;
                hint!(
                    format!(
                        "find out who, and why; when it is not needed any more, `manatee-adm unfreeze -s {name}` in a zone of one of \
                         its peers, and "
                    ),
                    Operation::Resume
                )
            }
        };
        let remedy = hint!(remedy, ", or ", Operation::Abort, ", which rolls everything back");
        let owner = freeze.owner().unwrap_or(UNNAMED_OWNER);
        let found = format!("it is frozen by {owner}: {}", freeze.shown().1);
        return Err(PhaseError::hold(foreign(&found), remedy));
    }
    if !context.get(&TOLD_UNFROZEN).await?.unwrap_or(false) {
        context.put(&TOLD_UNFROZEN, &true).await?;
        return Err(PhaseError::hold(
            foreign("it is not frozen"),
            hint!(
                "find out who, and why; then ",
                Operation::Resume,
                " freezes it again, or ",
                Operation::Abort,
                " rolls everything back"
            ),
        ));
    }
    let shard = source(context);
    let freezing = async {
        let frozen = freeze_for_plan(&shard, plan, context.now()).await;
        frozen.or_phase_error(format!("the shard {name} cannot be frozen again"))
    };
    context.act(format!("freeze the shard {name} again"), freezing).await?;
    context.forget(&TOLD_UNFROZEN).await?;
    // Roles may have changed meanwhile: what is read from now on is what counts.
    source_state(context).await
}

/// The source's state while new peers catch up: frozen by the plan, but in the guarded mode, which freezes it only later.
pub(super) async fn followed_source(context: &Context) -> Result<ClusterState, PhaseError> {
    match context.plan().request.mode {
        Mode::Rfd103 => frozen_source(context).await,
        Mode::Guarded => source_state(context).await,
    }
}

/// The source's state, frozen by the plan, and the new peers, which have to be the end of its chain, in its order.
pub(super) async fn frozen_tail(
    context: &Context,
) -> Result<(ClusterState, Vec<Peer>), PhaseError> {
    let state = frozen_source(context).await?;
    let peers =
        tail_of(&state, &new_peer_zones(context).await?).map_err(|error| not_the_tail(&error))?;
    Ok((state, peers))
}

/// Waits until the primary of a new shard takes writes and its sync, if it has one, confirms them.
pub(super) async fn takes_writes(
    context: &Context,
    shard: &ShardName,
    state: &ClusterState,
    limit: Duration,
) -> Result<(), PhaseError> {
    let primary = &state.primary;
    let waiting = Wait {
        what: format!("the primary of {shard} ({}) to take writes", primary.ip),
        hint: format!("look at the sitters' logs of its peers, first at {}", primary.zone_id)
            .into(),
    };
    context
        .wait(waiting, limit, || async {
            Ok(match primary_ready(context.deployment(), state).await {
                Ok(()) => Poll::Ready(()),
                Err(not_ready) => Poll::Pending(None, not_ready.to_string()),
            })
        })
        .await
}

/// The operator's advice about a primary that does not answer.
pub(super) fn primary_is_silent(state: &ClusterState, name: &ShardName) -> Hint {
    let silent = format!(
        "see what is the matter with the primary {} ({}) of {name}: nobody takes over while the shard is frozen (",
        state.primary.zone_id, state.primary.ip
    );
    hint!(silent, Operation::Abort, " rolls everything back and lifts the freeze)")
}

/// A hint for those who wait, as the remedy of a hold.
pub(super) fn then_resume(hint: Hint) -> Hint {
    hint!(hint, "; then ", Operation::Resume)
}

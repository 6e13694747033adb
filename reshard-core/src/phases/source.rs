//! The shard that is split, as its phases look at it.

use manatee_client::{ClusterState, HeldLock, Shard, ShardName};

use crate::executor::Context;
use crate::phase::{OrTrouble, Trouble};
use crate::shards::frozen_for_plan;

/// A shard, whose writes only this executor may make.
pub(super) fn shard(context: &Context, name: &ShardName) -> Shard {
    let lock: &HeldLock = context.lock();
    context.deployment().shard(name.clone()).fenced_by(lock)
}

/// The source, whose writes only this executor may make.
pub(super) fn source(context: &Context) -> Shard {
    shard(context, &context.plan().request.source)
}

/// The source's state.
pub(super) async fn source_state(context: &Context) -> Result<ClusterState, Trouble> {
    let shard = source(context);
    let stored = shard.read_existing().await;
    let stored =
        stored.or_trouble(format!("the state of shard {} cannot be read", shard.name()))?;
    Ok(stored.state)
}

/// The source's state, if it is still frozen by the plan: its roles cannot have changed then.
pub(super) async fn frozen_source(context: &Context) -> Result<ClusterState, Trouble> {
    let state = source_state(context).await?;
    let (plan, name) = (context.plan().uuid, &context.plan().request.source);
    if frozen_for_plan(&state, plan) {
        return Ok(state);
    }
    let found = match &state.freeze {
        None => "it is not frozen".to_owned(),
        Some(freeze) => format!("it is frozen for another reason: {}", freeze.shown().1),
    };
    Err(Trouble::hold(
        format!("somebody else has changed the plan's freeze of the shard {name}: {found}"),
        format!(
            "find out who; `reshard shard freeze {name}` for this plan, if its roles are as before; then `reshard resume`, \
             or `reshard abort`"
        ),
    ))
}

/// What the operator is told of a primary that does not answer.
pub(super) fn primary_is_silent(state: &ClusterState, name: &ShardName) -> String {
    format!(
        "see what is the matter with the primary {} ({}) of {name}: nobody takes over while the shard is frozen; \
         `reshard abort` takes everything back and lifts the freeze",
        state.primary.zone_id, state.primary.ip
    )
}

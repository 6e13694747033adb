//! Moves what is behind the new names: each, one after the other, from the source's database to the new shard's. Requests wait a
//! fraction of a second, and none is refused. See [`crate::cutover`].
//!
//! * reads: the guard's rows and log, the rows that were written last, sessions of the Morays, the states of the shards
//! * writes: the guard's rows at source and new shards, the switches; the facts `cutovers` and `split-point`
//! * done when: each new shard is open, and its Morays are there
//! * undo: the same the other way round: what was written at a new shard is replayed at the source, and the vnodes are cut over to it
//! * pause: between two attempts

use std::convert::Infallible;
use std::time::Duration;

use async_trait::async_trait;
use manatee_client::ShardName;

use super::attempts::{cut_over, is_over, prepare, rehearse};
use super::leg::Leg;
use super::moves::{GuardedMove, moves, primary};
use super::open_switches::{Behind, keep_leading};
use crate::cutover::Settling;
use crate::guard::{MoveState, look};
use crate::hint::{Operation, hint};
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Undone};
use crate::phases::facts::{GOING_BACK, SPLIT_POINT};
use crate::phases::source::{shard, source};
use crate::phases::unfreeze::unfreeze;
use crate::shards::{SplitPoint, freeze_for_plan, frozen_for_plan};

/// Moves what is behind the new names.
#[derive(Clone, Copy, Debug)]
pub struct CutOver;

#[async_trait]
impl Phase for CutOver {
    fn name(&self) -> &'static str {
        "cut-over"
    }

    fn about(&self) -> About {
        About {
            title: "move what is behind the new names to the new shards",
            rfd103: "",
            reads: "the guard's rows and log, the rows that were written last, sessions of the Morays",
            writes: "the guard's rows at source and new shards, the switches in ZooKeeper",
            done_when: "each new shard is open, and its Morays are there",
            undo: "the vnodes are cut over to the source again, with all that was written since",
            pause: "between two attempts",
        }
    }

    /// Source and new shard are frozen meanwhile, and the source may be sealed.
    fn is_urgent(&self) -> bool {
        true
    }

    async fn rescue(&self, context: &Context) -> Result<String, PhaseError> {
        settle_all(context).await
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        let mut left = Vec::new();
        for one in moves(context.plan()) {
            if !is_at_target(context, one).await? {
                left.push(one);
            }
        }
        if !left.is_empty() {
            // Comparing may take hours, and it is to be of today: a window is waited for before it, and again if it is over then.
            context.permission(Duration::ZERO).await?;
            for &one in &left {
                prepare(context, Leg::forth(context, one)).await?;
            }
            context.permission(Duration::ZERO).await?;
        }
        for one in left {
            let leg = Leg::forth(context, one);
            let source = [context.plan().source()];
            while_frozen(context, leg, &source, Box::pin(cut_over(context, leg))).await?;
        }
        refresh_split_point(context).await
    }

    /// The new names' Morays have their own paths then.
    fn kept_up_until(&self) -> Option<&'static str> {
        Some("remove-guard")
    }

    /// The new shards are unfrozen soon: where another peer takes over there, the paths lead to it.
    async fn keep_up(&self, context: &Context) -> Infallible {
        keep_leading(context, Behind::NewShards).await
    }

    async fn rehearse(&self, context: &Context) -> Result<bool, PhaseError> {
        for one in moves(context.plan()) {
            if is_at_target(context, one).await? {
                continue;
            }
            let leg = Leg::forth(context, one);
            prepare(context, leg).await?;
            let source = [context.plan().source()];
            while_frozen(context, leg, &source, Box::pin(rehearse(context, leg, 1))).await?;
            thaw_unless_sealed(context, leg, &source).await?;
        }
        Ok(true)
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        self.back(context).await?;
        unfreeze(context, &source(context)).await?;
        Ok(Undone::Completely)
    }
}

impl CutOver {
    /// Brings the vnodes back to the source, with all that was written since. Undoing does that, and unfreezes the source.
    ///
    /// # Errors
    ///
    /// [`PhaseError`], as for [`Phase::run`].
    pub async fn back(&self, context: &Context) -> Result<(), PhaseError> {
        for one in moves(context.plan()) {
            bring_back(context, one).await?;
        }
        Ok(())
    }

    /// Moves the vnodes to the new shards once more after [`CutOver::back`].
    ///
    /// # Errors
    ///
    /// [`PhaseError`], as for [`Phase::run`].
    pub async fn again(&self, context: &Context) -> Result<(), PhaseError> {
        // What was begun of the way back is ended first.
        self.back(context).await?;
        context.forget(&GOING_BACK).await?;
        self.run(context).await
    }
}

/// Freezes a shard for the moment: a takeover in the middle could not be told from none. One peer alone is frozen anyway.
async fn freeze(context: &Context, name: &ShardName) -> Result<(), PhaseError> {
    let (shard, plan) = (shard(context, name), context.plan().uuid);
    let freezing = async {
        let stored = shard.read_existing().await;
        let state = stored.or_phase_error(format!("the state of {name} cannot be read"))?.state;
        if state.one_node_write_mode && state.is_frozen() {
            return Ok(());
        }
        let frozen = freeze_for_plan(&shard, plan, context.now()).await;
        frozen.map(drop).or_hold(
            format!("the shard {name} cannot be frozen"),
            hint!(
                "if somebody else has frozen it, wait until they have unfrozen it; then ",
                Operation::Resume
            ),
        )
    };
    context.act(format!("freeze the shard {name}"), freezing).await
}

/// Does something between shards that are frozen. If that fails they are unfrozen, for somebody may have to take over before it goes
/// on; but not once the vnodes' owner is sealed, for that can be finished forward only as long as nobody has taken over.
async fn while_frozen(
    context: &Context,
    leg: Leg<'_>,
    frozen: &[&ShardName],
    doing: impl Future<Output = Result<(), PhaseError>>,
) -> Result<(), PhaseError> {
    for name in frozen {
        freeze(context, name).await?;
    }
    let Err(trouble) = doing.await else { return Ok(()) };
    thaw_unless_sealed(context, leg, frozen).await?;
    Err(trouble)
}

/// Brings what was begun of a cutover to its end. Tells whether the vnodes are where they were to go. If that fails, somebody may have
/// to take over at the shard that has them.
async fn settle(context: &Context, leg: Leg<'_>, settling: Settling) -> Result<bool, PhaseError> {
    let settled = Box::pin(is_over(context, leg, settling)).await;
    if settled.is_err() {
        thaw_unless_sealed(context, leg, &[leg.from]).await?;
    }
    settled
}

/// Unfreezes shards after a trouble, unless the owner of the vnodes says that it is sealed. One that does not answer does not stay
/// frozen, for nobody would take over there: whoever does has the seal, if it was confirmed, and finishes it backward at worst.
async fn thaw_unless_sealed(
    context: &Context,
    leg: Leg<'_>,
    frozen: &[&ShardName],
) -> Result<(), PhaseError> {
    let (from, to) = (leg.from, leg.to);
    let found = match primary(context, from).await {
        Ok(database) => look(&database, leg.one.number).await.ok().flatten(),
        Err(_) => None,
    };
    if let Some(MoveState::Sealed | MoveState::Moved) = found.map(|found| found.state) {
        let stays = format!("{from} stays frozen: the cutover to {to} is not at its end");
        return context.note(stays).await;
    }
    for name in frozen {
        if let Err(worse) = thaw(context, name).await {
            context.note(worse.with_causes()).await?;
        }
    }
    Ok(())
}

/// Unfreezes a shard, but for the freeze that belongs to one peer alone.
async fn thaw(context: &Context, name: &ShardName) -> Result<(), PhaseError> {
    let shard = shard(context, name);
    let stored = shard.read_existing().await;
    let state = stored.or_phase_error(format!("the state of {name} cannot be read"))?.state;
    if frozen_for_plan(&state, context.plan().uuid) && !state.one_node_write_mode {
        unfreeze(context, &shard).await?;
    }
    Ok(())
}

/// Brings every cutover that was begun to its end, in the direction in which the plan goes, and unfreezes whoever serves the vnodes.
/// Says where they are.
async fn settle_all(context: &Context) -> Result<String, PhaseError> {
    let source = context.plan().source();
    let mut at = Vec::new();
    for one in moves(context.plan()) {
        let name = &one.target.name;
        let is_back = is_going_back(context, name).await?;
        let leg = if is_back { Leg::back(context, one) } else { Leg::forth(context, one) };
        let settling = if context.undoing && !is_back { Settling::Back } else { Settling::Forward };
        let is_there = settle(context, leg, settling).await?;
        let owner = if is_there { leg.to } else { leg.from };
        if owner == name {
            thaw(context, name).await?;
        }
        at.push(format!("the vnodes of {name} are at {owner}"));
    }
    thaw(context, source).await?;
    Ok(at.join(", "))
}

/// Tells whether the vnodes of a move are at the new shard, after whatever was begun is at its end.
async fn is_at_target(context: &Context, one: GuardedMove<'_>) -> Result<bool, PhaseError> {
    let name = &one.target.name;
    if !is_going_back(context, name).await? {
        return settle(context, Leg::forth(context, one), Settling::Forward).await;
    }
    if settle(context, Leg::back(context, one), Settling::Back).await? {
        return Err(PhaseError::hold(
            format!("the vnodes of {name} are at {} again", context.plan().source()),
            hint!(Operation::Abort, " rolls back the rest"),
        ));
    }
    Ok(true)
}

async fn is_going_back(context: &Context, name: &ShardName) -> Result<bool, PhaseError> {
    Ok(context.get(&GOING_BACK).await?.unwrap_or_default().contains(name))
}

/// Brings the vnodes of a move back to the source, if they have left it.
async fn bring_back(context: &Context, one: GuardedMove<'_>) -> Result<(), PhaseError> {
    let (name, source) = (&one.target.name, context.plan().source());
    if !is_going_back(context, name).await? {
        if !settle(context, Leg::forth(context, one), Settling::Back).await? {
            return Ok(());
        }
        let mut going = context.get(&GOING_BACK).await?.unwrap_or_default();
        going.insert(name.clone());
        context.put(&GOING_BACK, &going).await?;
    }
    let back = Leg::back(context, one);
    if settle(context, back, Settling::Forward).await? {
        return Ok(());
    }
    prepare(context, back).await?;
    while_frozen(context, back, &[source, name], Box::pin(cut_over(context, back))).await
}

/// Moves the split point up to now: all that the source has of the moving vnodes their new shards have had, for the log was empty
/// at the seal, and nothing was written there later.
async fn refresh_split_point(context: &Context) -> Result<(), PhaseError> {
    let Some(point) = context.get(&SPLIT_POINT).await? else { return Ok(()) };
    let name = context.plan().source();
    let sql = "SELECT txid_current_snapshot()::text";
    let snapshot = primary(context, name).await?.value("ask for a snapshot", sql, &[]).await;
    let snapshot = snapshot.or_phase_error(format!("the primary of {name} cannot be asked"))?;
    context.put(&SPLIT_POINT, &SplitPoint { snapshot, ..point }).await
}

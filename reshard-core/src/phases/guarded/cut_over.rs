//! Moves what is behind the new names: each, one after the other, from the source's database to the new shard's. Requests wait a
//! fraction of a second, and none is refused. See [`crate::cutover`].
//!
//! * reads: the guard's rows and log, the rows that were written last, sessions of the Morays, the states of the shards
//! * writes: the guard's rows at source and new shards, the switches; the facts `cutovers` and `split-point`
//! * done when: each new shard is open, and its Morays are there
//! * undo: the same the other way round: what was written at a new shard is replayed at the source, and the vnodes are cut over to it
//! * pause: between two attempts

use async_trait::async_trait;
use manatee_client::ShardName;

use super::attempts::{cut_over, is_over, prepare};
use super::leg::Leg;
use super::moves::{GuardedMove, moves, primary};
use crate::cutover::Settling;
use crate::guard::{MoveState, look};
use crate::hint::{Operation, hint};
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Undone};
use crate::phases::facts::{GOING_BACK, SPLIT_POINT};
use crate::phases::source::{shard, source};
use crate::phases::unfreeze::unfreeze;
use crate::shards::{SplitPoint, freeze_for_plan};

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

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        let mut left = Vec::new();
        for one in moves(context.plan()) {
            if !is_at_target(context, one).await? {
                prepare(context, Leg::forth(context, one)).await?;
                left.push(one);
            }
        }
        for one in left {
            let leg = Leg::forth(context, one);
            cut_over_frozen(context, leg, &[context.plan().source()]).await?;
        }
        refresh_split_point(context).await
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

/// Cuts over between shards that are frozen. If that fails they are unfrozen, for somebody may have to take over before it goes on;
/// but not once the vnodes' owner is sealed, for that can be finished forward only as long as nobody has taken over.
async fn cut_over_frozen(
    context: &Context,
    leg: Leg<'_>,
    frozen: &[&ShardName],
) -> Result<(), PhaseError> {
    for name in frozen {
        freeze(context, name).await?;
    }
    let Err(trouble) = Box::pin(cut_over(context, leg)).await else { return Ok(()) };
    if let Err(worse) = thaw_unless_sealed(context, leg, frozen).await {
        context.note(worse.with_causes()).await?;
    }
    Err(trouble)
}

async fn thaw_unless_sealed(
    context: &Context,
    leg: Leg<'_>,
    frozen: &[&ShardName],
) -> Result<(), PhaseError> {
    let (from, to) = (leg.from, leg.to);
    let found = look(&primary(context, from).await?, leg.one.number).await;
    let found = found.or_phase_error(format!("{from} cannot be asked how its move stands"))?;
    if let Some(MoveState::Sealed | MoveState::Moved) = found.map(|found| found.state) {
        return context
            .note(format!("{from} stays frozen: the cutover to {to} is not at its end"))
            .await;
    }
    for name in frozen {
        let shard = shard(context, name);
        let stored = shard.read_existing().await;
        let state = stored.or_phase_error(format!("the state of {name} cannot be read"))?.state;
        if !state.one_node_write_mode {
            unfreeze(context, &shard).await?;
        }
    }
    Ok(())
}

/// Tells whether the vnodes of a move are at the new shard, after whatever was begun is at its end.
async fn is_at_target(context: &Context, one: GuardedMove<'_>) -> Result<bool, PhaseError> {
    let name = &one.target.name;
    if !is_going_back(context, name).await? {
        return Box::pin(is_over(context, Leg::forth(context, one), Settling::Forward)).await;
    }
    if Box::pin(is_over(context, Leg::back(context, one), Settling::Back)).await? {
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
        if !Box::pin(is_over(context, Leg::forth(context, one), Settling::Back)).await? {
            return Ok(());
        }
        let mut going = context.get(&GOING_BACK).await?.unwrap_or_default();
        going.insert(name.clone());
        context.put(&GOING_BACK, &going).await?;
    }
    let back = Leg::back(context, one);
    if Box::pin(is_over(context, back, Settling::Forward)).await? {
        return Ok(());
    }
    prepare(context, back).await?;
    cut_over_frozen(context, back, &[source, name]).await
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

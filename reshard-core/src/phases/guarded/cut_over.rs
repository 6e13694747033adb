//! Moves what is behind the new names: each, one after the other, from the source's database to the new shard's. Requests wait a
//! fraction of a second, and none is refused. See [`crate::cutover`].
//!
//! * reads: the guard's rows and log, the rows that were written last, sessions of the Morays, the states of the shards
//! * writes: the guard's rows at source and new shards, the switches; the facts `cutovers` and `split-point`
//! * done when: each new shard is open, and its Morays are there
//! * undo: as long as no new shard has opened, what was begun is taken back
//! * pause: between two attempts

use std::time::Duration;

use async_trait::async_trait;
use manatee_client::{Shard, Switch};

use super::follow::{catch_up, ends, follow};
use super::lead_morays::at_source;
use super::moves::{GuardedMove, addresses, lease, moves, primary, switch};
use super::open_switches::lead_to;
use crate::causes::Chain;
use crate::cutover::{
    Cutover, CutoverError, CutoverOptions, CutoverRecord, Finished, MorayAddresses, Parties,
    Settling, Verdict, finish,
};
use crate::guard::{Identity, MoveState, look};
use crate::hint::{Hint, Operation, hint};
use crate::journal::EntryKind;
use crate::phase::facts::CUTOVERS;
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Undone};
use crate::phases::facts::{FOLLOWED, SPLIT_POINT};
use crate::phases::rollout::too_late;
use crate::phases::source::{shard, source, source_state};
use crate::phases::unfreeze::unfreeze;
use crate::plan::Target;
use crate::shards::{SplitPoint, freeze_for_plan};

/// The number of attempts before the operator is asked.
const ATTEMPTS: u32 = 8;
/// The pause after the first attempt that was given up; it grows with each.
const PAUSE: Duration = Duration::from_millis(500);

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
            undo: "takes back what was begun, as long as no new shard has opened",
            pause: "between two attempts",
        }
    }

    fn turns_late(&self) -> bool {
        true
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        freeze(context).await?;
        for one in moves(context.plan()) {
            if Box::pin(is_over(context, one, Settling::Forward)).await? {
                continue;
            }
            if let Err(trouble) = Box::pin(cut_over(context, one)).await {
                // Nobody takes over at the source while it is frozen, and somebody may have to before this goes on.
                if let Err(worse) = unfreeze(context, &source(context)).await {
                    context.note(worse.with_causes()).await?;
                }
                return Err(trouble);
            }
        }
        refresh_split_point(context).await
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        for one in moves(context.plan()) {
            if Box::pin(is_over(context, one, Settling::Back)).await? {
                return Err(too_late(self));
            }
        }
        unfreeze(context, &source(context)).await?;
        Ok(Undone::Completely)
    }
}

/// Freezes the source for the moment: a takeover in the middle could not be told from none.
async fn freeze(context: &Context) -> Result<(), PhaseError> {
    let (shard, plan) = (source(context), context.plan().uuid);
    let freezing = async {
        let frozen = freeze_for_plan(&shard, plan, context.now()).await;
        frozen.or_hold(
            format!("the shard {} cannot be frozen", shard.name()),
            hint!(
                "if somebody else has frozen it, wait until they have unfrozen it; then ",
                Operation::Resume
            ),
        )
    };
    context.act(format!("freeze the shard {}", shard.name()), freezing).await.map(drop)
}

/// The things that a cutover has to know of a move, for as long as [`Parties`] borrow them.
struct Known {
    switch: Switch,
    source: Shard,
    target: Shard,
    morays: MorayAddresses,
    identities: [Identity; 2],
}

impl Known {
    async fn of(context: &Context, target: &Target) -> Result<Self, PhaseError> {
        let followed = context.get(&FOLLOWED).await?.unwrap_or_default();
        let identities = followed.get(&target.name).copied().ok_or_else(|| {
            PhaseError::hold(
                format!(
                    "the plan file does not tell which databases of {} were compared",
                    target.name
                ),
                hint!(Operation::Abort, " rolls everything back"),
            )
        })?;
        Ok(Self {
            switch: switch(context, &target.name),
            source: shard(context, context.plan().source()),
            target: shard(context, &target.name),
            morays: addresses(context, target).await?,
            identities,
        })
    }

    fn parties<'a>(&'a self, context: &'a Context, one: GuardedMove<'_>) -> Parties<'a> {
        Parties {
            zookeeper: context.deployment().coordination(),
            switch: &self.switch,
            source: &self.source,
            target: &self.target,
            morays: &self.morays,
            lease: lease(context),
            number: one.number,
            identities: self.identities,
        }
    }
}

async fn options(context: &Context) -> Result<CutoverOptions, PhaseError> {
    let budget = context.plan().cutover_budget(context.tuning().await?.budget_seconds);
    Ok(CutoverOptions { budget, ..CutoverOptions::default() })
}

/// Brings an earlier attempt to its end, if there is one. Tells whether the vnodes are at the new shard.
async fn is_over(
    context: &Context,
    one: GuardedMove<'_>,
    settling: Settling,
) -> Result<bool, PhaseError> {
    let name = &one.target.name;
    // Without this nothing was begun.
    if context.get(&FOLLOWED).await?.is_none() {
        return Ok(false);
    }
    let known = Known::of(context, one.target).await?;
    let options = options(context).await?;
    let what = format!("bring a cutover to {name} that was begun to its end");
    let finishing = async {
        let finished = finish(&known.parties(context, one), &options, settling).await;
        finished.or_hold(format!("the cutover to {name} cannot be finished"), unfinished())
    };
    match Box::pin(context.act(what, finishing)).await? {
        Finished::AtSource => Ok(false),
        Finished::AtTarget => {
            context.turn().await?;
            Ok(true)
        }
    }
}

async fn cut_over(context: &Context, one: GuardedMove<'_>) -> Result<(), PhaseError> {
    let name = &one.target.name;
    can_open(context, one).await?;
    // A takeover at the source since then changes whom the Morays are led to, and which databases were compared.
    lead_to(context, &one.target.name, &source_state(context).await?).await?;
    at_source(context, one.target).await?;
    let ends = ends(context, name).await?;
    let followed = context.get(&FOLLOWED).await?.unwrap_or_default();
    if followed.get(name) != Some(&ends.identities) {
        context
            .note(format!("source or new shard {name} have changed: all rows are compared again"))
            .await?;
        follow(context, one).await?;
    }
    rehearse(context, one).await?;
    let mut last = (String::new(), String::new());
    for attempt in 1..=ATTEMPTS {
        context.checkpoint().await?;
        catch_up(context, one, &ends.source, &ends.target).await?;
        let what = format!("cut over to {name} (attempt {attempt})");
        match Box::pin(context.act(what, attempt_it(context, one, false))).await? {
            Ok(record) => {
                remember(context, &record).await?;
                match &record.verdict {
                    Verdict::Done | Verdict::Rehearsed => {
                        context.turn().await?;
                        let block = record.block().unwrap_or_default();
                        let text = format!(
                            "the vnodes are at {name}: requests waited for {:.0} ms",
                            block.as_secs_f64() * 1e3
                        );
                        return context.log(EntryKind::Stage, text).await;
                    }
                    Verdict::LetGo { step, why } => last = (step.clone(), why.clone()),
                }
                context
                    .note(format!(
                        "the cutover to {name} let go in the step {:?}: {}",
                        last.0, last.1
                    ))
                    .await?;
                can_open(context, one).await?;
            }
            Err(error) => {
                let text = format!("the cutover to {name} did not end: {}", Chain(&error));
                context.log(EntryKind::Trouble, text).await?;
                if Box::pin(is_over(context, one, Settling::Forward)).await? {
                    return Ok(());
                }
                can_open(context, one).await?;
                last = (String::new(), Chain(&error).to_string());
            }
        }
        context.sleep(PAUSE * attempt).await;
    }
    let (step, why) = last;
    Err(PhaseError::hold(
        format!(
            "{ATTEMPTS} cutovers to {name} were let go, the last in the step {step:?}: {why}; nothing has moved, and no request failed"
        ),
        hint!(
            "see to what the message names; then ",
            Operation::Resume,
            " tries again, or ",
            Operation::Abort,
            ", which rolls everything back"
        ),
    ))
}

/// Makes one attempt, or a rehearsal of one.
async fn attempt_it(
    context: &Context,
    one: GuardedMove<'_>,
    is_rehearsal: bool,
) -> Result<Result<CutoverRecord, CutoverError>, PhaseError> {
    let known = Known::of(context, one.target).await?;
    let parties = known.parties(context, one);
    let hash = &context.plan().inventory.ring.hashing;
    let cutover = Cutover::connect(parties, hash, options(context).await?).await;
    let cutover = cutover.or_phase_error(format!("no cutover to {} can begin", one.target.name));
    let mut cutover = cutover?;
    Ok(if is_rehearsal { cutover.rehearse().await } else { cutover.run().await })
}

/// Does as often as the operator wants what a cutover does up to its seal, and takes it back: it tells how long one will take.
async fn rehearse(context: &Context, one: GuardedMove<'_>) -> Result<(), PhaseError> {
    let name = &one.target.name;
    let count = context.tuning().await?.rehearsals;
    for number in 1..=count {
        context.checkpoint().await?;
        let what = format!("rehearse the cutover to {name} ({number} of {count})");
        let record = Box::pin(context.act(what, attempt_it(context, one, true))).await?;
        let record = record.or_phase_error(format!("the cutover to {name} cannot be rehearsed"))?;
        remember(context, &record).await?;
        let waited = record.block().unwrap_or_default().as_secs_f64() * 1e3;
        let text = match &record.verdict {
            Verdict::LetGo { step, why } => {
                format!(
                    "the rehearsal let go in the step {step:?}: {why}; requests waited for {waited:.0} ms"
                )
            }
            Verdict::Rehearsed | Verdict::Done => {
                format!("in the rehearsal requests waited for {waited:.0} ms")
            }
        };
        context.note(text).await?;
    }
    Ok(())
}

/// Holds if the new shard was closed for good, because a cutover was taken back after its seal.
async fn can_open(context: &Context, one: GuardedMove<'_>) -> Result<(), PhaseError> {
    let name = &one.target.name;
    let database = primary(context, name).await?;
    let found = look(&database, one.number).await;
    let found = found.or_phase_error(format!("{name} cannot be asked how its move stands"))?;
    if found.is_some_and(|found| found.state == MoveState::Aborted) {
        return Err(PhaseError::hold(
            format!(
                "{name} never opens: a cutover was taken back after the source was sealed, and nothing has moved"
            ),
            hint!(Operation::Abort, " rolls everything back; then make a new plan"),
        ));
    }
    Ok(())
}

async fn remember(context: &Context, record: &CutoverRecord) -> Result<(), PhaseError> {
    let mut all = context.get(&CUTOVERS).await?.unwrap_or_default();
    all.push(record.clone());
    context.put(&CUTOVERS, &all).await
}

fn unfinished() -> Hint {
    hint!(
        "requests for the moving vnodes may wait or fail until it is: see that the primaries of source and new shard, and \
         ZooKeeper, answer; then at once ",
        Operation::Resume
    )
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

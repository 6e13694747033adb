//! Attempts to cut over, forth or back, until one is done.

use std::time::Duration;

use manatee_client::{Shard, Switch};

use super::follow::{catch_up, follow};
use super::lead_morays::come_to;
use super::leg::Leg;
use super::moves::{addresses, lease, session, switch};
use super::open_switches::lead_to;
use crate::causes::Chain;
use crate::cutover::{
    Cutover, CutoverError, CutoverOptions, CutoverRecord, Finished, MorayAddresses, Parties,
    Settling, Verdict, finish,
};
use crate::guard::{ArmOptions, Identity, MoveState, close_target};
use crate::hint::{Hint, Operation, hint};
use crate::journal::EntryKind;
use crate::phase::facts::CUTOVERS;
use crate::phase::{Context, PhaseError, PhaseResultExt};
use crate::phases::source::shard;

/// The number of attempts before the operator is asked.
const ATTEMPTS: u32 = 8;
/// The pause after the first attempt that was given up; it grows with each.
const PAUSE: Duration = Duration::from_millis(500);

/// The longest that the log may take to be replayed while shards are frozen.
const FROZEN: Duration = Duration::from_secs(30);

/// The things that a cutover has to know of a move, for as long as [`Parties`] borrow them.
struct Known {
    switch: Switch,
    source: Shard,
    target: Shard,
    morays: MorayAddresses,
    identities: [Identity; 2],
}

impl Known {
    async fn of(
        context: &Context,
        leg: Leg<'_>,
        identities: [Identity; 2],
    ) -> Result<Self, PhaseError> {
        Ok(Self {
            switch: switch(context, &leg.one.target.name),
            source: shard(context, leg.from),
            target: shard(context, leg.to),
            morays: addresses(context, leg.one.target).await?,
            identities,
        })
    }

    fn parties<'a>(&'a self, context: &'a Context, leg: Leg<'_>) -> Parties<'a> {
        Parties {
            zookeeper: context.deployment().coordination(),
            switch: &self.switch,
            source: &self.source,
            target: &self.target,
            morays: &self.morays,
            lease: lease(context),
            number: leg.one.number,
            identities: self.identities,
        }
    }
}

async fn options(context: &Context) -> Result<CutoverOptions, PhaseError> {
    let budget = context.plan().cutover_budget(context.tuning().await?.budget_seconds);
    Ok(CutoverOptions { budget, ..CutoverOptions::default() })
}

/// Brings an earlier attempt to its end, if there is one. Tells whether the vnodes are where they were to go.
pub(super) async fn is_over(
    context: &Context,
    leg: Leg<'_>,
    settling: Settling,
) -> Result<bool, PhaseError> {
    // Without this nothing was begun.
    let Some(identities) = leg.followed(context).await? else { return Ok(false) };
    let known = Known::of(context, leg, identities).await?;
    let options = options(context).await?;
    let finishing = async {
        let finished = finish(&known.parties(context, leg), &options, settling).await;
        finished.or_advise(format!("the cutover to {} cannot be finished", leg.to), unfinished())
    };
    let what = format!("see that no cutover to {} was left half done", leg.to);
    let finished = Box::pin(context.act(what, finishing)).await?;
    Ok(finished == Finished::AtTarget)
}

/// Sees that a cutover can begin, while neither shard is frozen yet: the Morays are where the vnodes are, all rows were compared, and
/// little is left to be replayed.
pub(super) async fn prepare(context: &Context, leg: Leg<'_>) -> Result<(), PhaseError> {
    let (name, to) = (&leg.one.target.name, leg.to);
    can_open(context, leg).await?;
    close_if_left(context, leg).await?;
    // A takeover since then changes whom the Morays are led to, and which databases were compared.
    let state = shard(context, leg.from).read_existing().await;
    let state = state.or_phase_error(format!("the state of {} cannot be read", leg.from))?.state;
    lead_to(context, name, &state).await?;
    come_to(context, leg.one.target, leg.from).await?;
    let ends = leg.ends(context).await?;
    let followed = leg.followed(context).await?;
    if followed != Some(ends.identities) {
        if followed.is_some() {
            let changed = format!("{} or {to} has changed: all rows are compared again", leg.from);
            context.note(changed).await?;
        }
        follow(context, leg).await?;
    }
    let patience = Duration::from_secs(context.tuning().await?.wait_seconds);
    catch_up(context, leg, &ends, patience).await
}

/// Cuts over. Everything is prepared, and both shards are frozen: nobody takes over there meanwhile, so nothing here may last.
pub(super) async fn cut_over(context: &Context, leg: Leg<'_>) -> Result<(), PhaseError> {
    let to = leg.to;
    let ends = leg.ends(context).await?;
    if leg.followed(context).await? != Some(ends.identities) {
        let what = format!("{} or {to} has changed just before it was frozen", leg.from);
        return Err(PhaseError::transient(what));
    }
    rehearse(context, leg, context.tuning().await?.rehearsals).await?;
    let mut last = (String::new(), String::new());
    for attempt in 1..=ATTEMPTS {
        context.checkpoint().await?;
        catch_up(context, leg, &ends, FROZEN).await?;
        let what = format!("cut over to {to} (attempt {attempt})");
        last = match Box::pin(context.act(what, attempt_it(context, leg, false))).await? {
            Ok(record) => {
                remember(context, &record).await?;
                match &record.verdict {
                    Verdict::Done | Verdict::Rehearsed => {
                        let waited = record.block().unwrap_or_default().as_secs_f64() * 1e3;
                        let text =
                            format!("the vnodes are at {to}: requests waited for {waited:.0} ms");
                        return context.log(EntryKind::Stage, text).await;
                    }
                    Verdict::LetGo { step, why } => {
                        let text =
                            format!("the cutover to {to} let go in the step {step:?}: {why}");
                        context.note(text).await?;
                        (step.clone(), why.clone())
                    }
                }
            }
            Err(error) => {
                let text = format!("the cutover to {to} did not end: {}", Chain(&error));
                context.log(EntryKind::Trouble, text).await?;
                if Box::pin(is_over(context, leg, Settling::Forward)).await? {
                    return Ok(());
                }
                (String::new(), Chain(&error).to_string())
            }
        };
        can_open(context, leg).await?;
        context.sleep(PAUSE * attempt).await;
    }
    Err(gave_up(leg, &last))
}

fn gave_up(leg: Leg<'_>, (step, why): &(String, String)) -> PhaseError {
    let back_or_forth = if leg.is_back() {
        hint!("see to what the message names; then ", Operation::Resume)
    } else {
        hint!(
            "see to what the message names; then ",
            Operation::Resume,
            " tries again, or ",
            Operation::Abort,
            ", which rolls everything back"
        )
    };
    let what = format!(
        "{ATTEMPTS} cutovers to {} were let go, the last in the step {step:?}: {why}; nothing has moved, and no request failed",
        leg.to
    );
    PhaseError::hold(what, back_or_forth)
}

/// Makes one attempt, or a rehearsal of one.
async fn attempt_it(
    context: &Context,
    leg: Leg<'_>,
    is_rehearsal: bool,
) -> Result<Result<CutoverRecord, CutoverError>, PhaseError> {
    let followed = leg.followed(context).await?;
    let identities = followed.ok_or_else(|| {
        PhaseError::transient(format!("the rows of {} were not compared yet", leg.to))
    })?;
    let known = Known::of(context, leg, identities).await?;
    let hash = &context.plan().inventory.ring.hashing;
    let cutover =
        Cutover::connect(known.parties(context, leg), hash, options(context).await?).await;
    let mut cutover = cutover.or_phase_error(format!("no cutover to {} can begin", leg.to))?;
    Ok(if is_rehearsal { cutover.rehearse().await } else { cutover.run().await })
}

/// Does so many times what a cutover does up to its seal, and takes it back: it tells how long one will take.
pub(super) async fn rehearse(
    context: &Context,
    leg: Leg<'_>,
    count: u32,
) -> Result<(), PhaseError> {
    let to = leg.to;
    for number in 1..=count {
        context.checkpoint().await?;
        let what = format!("rehearse the cutover to {to} ({number} of {count})");
        let record = Box::pin(context.act(what, attempt_it(context, leg, true))).await?;
        let record = record.or_phase_error(format!("the cutover to {to} cannot be rehearsed"))?;
        remember(context, &record).await?;
        let waited = record.block().unwrap_or_default().as_secs_f64() * 1e3;
        let text = match &record.verdict {
            Verdict::LetGo { step, why } => format!(
                "the rehearsal let go in the step {step:?}: {why}; requests waited for {waited:.0} ms"
            ),
            Verdict::Rehearsed | Verdict::Done => {
                format!("in the rehearsal requests waited for {waited:.0} ms")
            }
        };
        context.note(text).await?;
    }
    Ok(())
}

/// Has the shard that gets the vnodes follow the other one, if they have left it before.
async fn close_if_left(context: &Context, leg: Leg<'_>) -> Result<(), PhaseError> {
    let (one, from, to) = (leg.one, leg.from, leg.to);
    if leg.state_at_target(context).await? != Some(MoveState::Moved) {
        return Ok(());
    }
    let closing = async {
        let mut session = session(context, to).await?;
        let (vnodes, options) = (&one.target.vnodes, ArmOptions::default());
        let closed = close_target(&mut session, one.number, vnodes, &[], &options).await;
        closed.or_phase_error(format!("{to} cannot be made to follow {from}"))
    };
    context.act(format!("make {to} follow {from}"), closing).await
}

/// Holds if the shard was closed for good, because a cutover was taken back after its seal.
async fn can_open(context: &Context, leg: Leg<'_>) -> Result<(), PhaseError> {
    let to = leg.to;
    if leg.state_at_target(context).await? != Some(MoveState::Aborted) {
        return Ok(());
    }
    let what = format!(
        "{to} never takes the vnodes: a cutover was taken back after {} was sealed, and nothing has moved",
        leg.from
    );
    let remedy = if leg.is_back() {
        "they stay at the new shard: carry the plan on to its end, and move them back with another"
            .into()
    } else {
        hint!(Operation::Abort, " rolls everything back; then make a new plan")
    };
    Err(PhaseError::hold(what, remedy))
}

async fn remember(context: &Context, record: &CutoverRecord) -> Result<(), PhaseError> {
    let mut all = context.get(&CUTOVERS).await?.unwrap_or_default();
    all.push(record.clone());
    context.put(&CUTOVERS, &all).await
}

fn unfinished() -> Hint {
    hint!(
        "requests for the moving vnodes may wait or fail until it is: see that the primaries of both shards, and ZooKeeper, answer; \
         then at once ",
        Operation::Resume
    )
}

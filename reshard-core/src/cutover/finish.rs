//! Finishing a cutover that did not get to its end, by whoever takes over: the target's row says which end that is.

use super::error::CutoverError;
use super::looks::{End, Parties};
use super::options::CutoverOptions;
use crate::guard::{
    GuardError, MoveState, TargetAborted, TargetOpen, TargetStanding, abort_target,
    advance_sequences, find_sealed, look, look_at_target, mark_moved, open_target, unfence, unseal,
};

/// The end that is wanted where both are possible: the source is sealed, and the target was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settling {
    /// The target opens, unless somebody has taken over at source or target meanwhile.
    Forward,
    /// The target never opens.
    Back,
}

/// The end of a cutover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The vnodes are the target's.
    AtTarget,
    /// The vnodes are the source's, and nothing has happened. A target that never opens has to be filled anew.
    AtSource,
}

/// Brings a cutover to one of its two ends, from wherever it stopped. It can be called at any time, also when nothing was begun or
/// everything is done, and again. The lease has to be of a higher epoch than that of the executor that stopped, so that this one
/// changes nothing any more, should it wake up.
///
/// # Errors
///
/// [`CutoverError`]. It has to be called again then: until it succeeds, writes of the vnodes may be refused.
pub async fn finish(
    parties: &Parties<'_>,
    options: &CutoverOptions,
    settling: Settling,
) -> Result<Finished, CutoverError> {
    let mut source = parties.connect(parties.source).await?;
    let number = parties.number;
    let found = look(source.session.database(), number).await?;
    let state = found.map(|found| found.state);
    match state {
        Some(MoveState::Sealed | MoveState::Moved) => {}
        // Up to the seal nobody may open the target, so it need not even be there.
        Some(MoveState::Open | MoveState::Fenced) | None => {
            if state == Some(MoveState::Fenced) {
                unfence(&mut source.session, number).await?;
            }
            parties.switch.lead_to(&source.state).await?;
            return Ok(Finished::AtSource);
        }
        Some(state @ (MoveState::Closed | MoveState::Aborted)) => {
            let host = source.session.database().endpoint().host.clone();
            let (found, expected) = (Some(state), MoveState::Sealed);
            return Err(GuardError::State { number, host, found, expected }.into());
        }
    }
    let mut target = parties.connect(parties.target).await?;
    match look_at_target(&mut target.session, number).await? {
        TargetStanding::Open(opened) => at_target(parties, options, source, target, opened).await,
        TargetStanding::Aborted(never) => at_source(parties, source, never).await,
        TargetStanding::Closed => {
            let forward = match settling {
                Settling::Forward => is_the_same(parties, &source, &target).await?,
                Settling::Back => false,
            };
            if !forward {
                let never = abort_target(&mut target.session, number).await?;
                return at_source(parties, source, never).await;
            }
            let sealed = find_sealed(&mut source.session, number).await?;
            let (at_source, margin) = (source.session.database(), options.sequence_margin);
            advance_sequences(at_source, &mut target.session, number, margin).await?;
            let opened = open_target(&mut target.session, &sealed).await?;
            at_target(parties, options, source, target, opened).await
        }
    }
}

/// Tells whether source and target are the databases whose rows were compared.
async fn is_the_same(
    parties: &Parties<'_>,
    source: &End,
    target: &End,
) -> Result<bool, CutoverError> {
    let (at_source, at_target) = (source.session.database(), target.session.database());
    match parties.check_identities(at_source, at_target).await {
        Ok(()) => Ok(true),
        Err(CutoverError::Identity { .. } | CutoverError::NotFrozen { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn at_target(
    parties: &Parties<'_>,
    options: &CutoverOptions,
    mut source: End,
    target: End,
    opened: TargetOpen,
) -> Result<Finished, CutoverError> {
    parties.switch.lead_to(&target.state).await?;
    let (there, here) = (source.session.database(), target.session.database());
    parties.wait_until_settled(there, here, options.confirm_within).await?;
    mark_moved(&mut source.session, &opened).await?;
    Ok(Finished::AtTarget)
}

async fn at_source(
    parties: &Parties<'_>,
    mut source: End,
    never: TargetAborted,
) -> Result<Finished, CutoverError> {
    unseal(&mut source.session, &never).await?;
    parties.switch.lead_to(&source.state).await?;
    Ok(Finished::AtSource)
}

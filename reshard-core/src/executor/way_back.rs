//! The way back: whether a plan can be rolled back, and what that rolls back.

use super::ExecutorError;
use crate::journal::{Journal, JournalError, PlanState};
use crate::phase::{Sequence, Step};

/// The phases that an abort rolls back, in its order. Nothing is changed.
///
/// # Errors
///
/// [`ExecutorError::TooLate`] once the new ring may be in use, [`ExecutorError::Over`] if the plan is over, and
/// [`ExecutorError::Journal`].
pub async fn rolled_back_by_abort<'a>(
    store: &dyn Journal,
    sequence: &'a Sequence,
) -> Result<Vec<&'a Step>, ExecutorError> {
    refuse_if_over(store).await?;
    if let Some(phase) = past_pivot(store, sequence).await? {
        return Err(ExecutorError::TooLate {
            plan: store.plan().await?.uuid,
            phase: phase.to_owned(),
        });
    }
    let records = store.phases().await?;
    let begun = sequence.iter().rev().filter(|phase| {
        records.get(phase.name()).is_some_and(|record| record.state.may_have_effects())
    });
    Ok(begun.collect())
}

/// Refuses a plan that is done or was rolled back: nothing is left to do of it.
///
/// # Errors
///
/// [`ExecutorError::Over`], [`ExecutorError::Journal`].
pub async fn refuse_if_over(store: &dyn Journal) -> Result<(), ExecutorError> {
    let how = match store.state().await? {
        PlanState::Done => "it is done",
        PlanState::Aborted => "it was rolled back",
        PlanState::Planned
        | PlanState::Running
        | PlanState::Paused
        | PlanState::Held { .. }
        | PlanState::Aborting => return Ok(()),
    };
    Err(ExecutorError::Over { plan: store.plan().await?.uuid, how })
}

/// The phase from which on there is no way back, if it has begun.
///
/// # Errors
///
/// [`JournalError`]
pub async fn past_pivot(
    store: &dyn Journal,
    sequence: &Sequence,
) -> Result<Option<&'static str>, JournalError> {
    let records = store.phases().await?;
    let begun = sequence.pivot().filter(|phase| {
        let record = records.get(phase.name());
        record.is_some_and(|record| record.state.may_have_effects())
    });
    Ok(begun.map(|phase| phase.name()))
}

//! Whether a plan can be taken back, and what that takes back.

use std::sync::Arc;

use super::ExecutorError;
use crate::journal::{PlanState, Store, StoreError};
use crate::phase::Phase;

/// The phases that an abort takes back, in its order. Nothing is changed.
///
/// # Errors
///
/// [`ExecutorError::TooLate`] once the new ring may be in use, [`ExecutorError::Over`] if the plan is over, and
/// [`ExecutorError::Journal`].
pub fn taken_back_by_abort(
    store: &dyn Store,
    phases: &[Arc<dyn Phase>],
) -> Result<Vec<Arc<dyn Phase>>, ExecutorError> {
    refuse_if_over(store)?;
    if let Some(phase) = no_way_back(store, phases)? {
        return Err(ExecutorError::TooLate { plan: store.plan()?.uuid, phase: phase.to_owned() });
    }
    let records = store.phases()?;
    let begun = phases.iter().rev().filter(|phase| {
        records.get(phase.name()).is_some_and(|record| record.state.may_have_effects())
    });
    Ok(begun.cloned().collect())
}

/// Refuses a plan that is done or was taken back: nothing is left to do of it.
///
/// # Errors
///
/// [`ExecutorError::Over`], [`ExecutorError::Journal`].
pub fn refuse_if_over(store: &dyn Store) -> Result<(), ExecutorError> {
    let how = match store.state()? {
        PlanState::Done => "it is done",
        PlanState::Aborted => "it was taken back",
        PlanState::Planned
        | PlanState::Running
        | PlanState::Paused
        | PlanState::Held { .. }
        | PlanState::Aborting => return Ok(()),
    };
    Err(ExecutorError::Over { plan: store.plan()?.uuid, how })
}

/// The phase from which on there is no way back, if it has begun.
pub(super) fn no_way_back(
    store: &dyn Store,
    phases: &[Arc<dyn Phase>],
) -> Result<Option<&'static str>, StoreError> {
    let records = store.phases()?;
    let begun = phases.iter().find(|phase| {
        let record = records.get(phase.name());
        phase.is_point_of_no_return()
            && record.is_some_and(|record| record.state.may_have_effects())
    });
    Ok(begun.map(|phase| phase.name()))
}

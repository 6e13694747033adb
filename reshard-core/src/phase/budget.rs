//! The budget as it is while a plan is carried out: the plan's own, or the one that the operator has set since.

use std::time::Duration;

use super::{Context, PhaseError};
use crate::hint::{Operation, hint};
use crate::journal::BUDGET;

impl Context {
    /// The longest that the write block may last, the way back included.
    ///
    /// # Errors
    ///
    /// [`PhaseError::Journal`]
    pub(crate) async fn budget(&self) -> Result<Duration, PhaseError> {
        Ok(self.plan().budget(self.tuning().await?.budget_seconds))
    }

    /// Refuses a budget in which the write block cannot get to its end, or not back if it does not.
    ///
    /// # Errors
    ///
    /// [`PhaseError::Hold`] with the seconds that are needed, [`PhaseError::Journal`].
    pub(crate) async fn check_budget(&self) -> Result<(), PhaseError> {
        let allowed = self.budget().await?.as_secs();
        let Err(error) = self.plan().check_budget(allowed) else { return Ok(()) };
        let needed = self.plan().prediction.least_budget().as_secs();
        Err(PhaseError::hold(
            error.to_string(),
            hint!(
                Operation::Tune { setting: BUDGET.to_owned(), value: Some(needed) },
                ", then ",
                Operation::Resume
            ),
        ))
    }
}

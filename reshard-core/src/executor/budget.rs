//! The budget: how long writes may be refused, the whole of it, and the part that is kept for the way back.

use std::time::Duration;

use super::Executor;
use crate::hint::{Operation, hint};
use crate::journal::{Journal, JournalError};
use crate::phase::{Context, PhaseError, Sequence, Step};
use crate::plan::{BESIDES, Plan, SLOWER, way_back};

/// The setting that is the budget.
pub(super) const BUDGET: &str = "budget_seconds";
/// The shortest budget that is taken from a prediction.
const LEAST: Duration = Duration::from_secs(30);

/// The longest that the plan's write block may last, the way back included.
pub(super) fn budget(plan: &Plan, tuned: Option<u64>) -> Duration {
    let asked = tuned.or(plan.request.budget_seconds).map(Duration::from_secs);
    asked.unwrap_or_else(|| {
        let twice = (plan.prediction.write_block_seconds * 2.0).clamp(0.0, 86_400.0);
        Duration::from_secs_f64(twice).max(plan.prediction.least_budget()).max(LEAST)
    })
}

impl Context {
    /// Refuses a budget in which the write block cannot get to its end, or not back if it does not.
    ///
    /// # Errors
    ///
    /// [`PhaseError::Hold`] with the seconds that are needed, [`PhaseError::Journal`].
    pub(crate) async fn check_budget(&self) -> Result<(), PhaseError> {
        let allowed = budget(self.plan(), self.tuning().await?.budget_seconds).as_secs();
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

/// The part of the budget that is kept for the way back from a phase: as many rounds over the routers as undoing the phases
/// takes that have begun, each as long as the one that blocked writes took, or as was predicted if that is longer.
pub(super) async fn kept_for_way_back(
    store: &dyn Journal,
    sequence: &Sequence,
    plan: &Plan,
    present: &str,
) -> Result<Duration, JournalError> {
    let records = store.phases().await?;
    let has_begun = |phase: &Step| {
        let record = records.get(phase.name());
        phase.name() == present || record.is_some_and(|record| record.state.may_have_effects())
    };
    let begun = sequence.blocked().filter(|phase| has_begun(phase));
    let rounds = begun.map(|phase| phase.undo_rounds());
    let took = sequence
        .block_begins()
        .and_then(|phase| records.get(phase.name())?.time.took())
        .unwrap_or_default();
    Ok(way_back(rounds.sum(), took.max(plan.prediction.router_round())))
}

impl Executor {
    /// The time left for the present phase to go forward, if writes are refused and there is a way back: until that has to begin.
    pub(super) async fn time_forward(
        &self,
        context: &Context,
    ) -> Result<Option<Duration>, JournalError> {
        if !context.in_write_block || context.past_pivot {
            return Ok(None);
        }
        let Some(block) = self.open_write_block().await? else { return Ok(None) };
        let allowed = budget(context.plan(), self.store.controls().await?.tuning.budget_seconds);
        let kept = self.kept_for_way_back(context.plan(), context.phase).await?;
        let spent = block.time.lasts(&*self.clock);
        let left = allowed.saturating_sub(kept).saturating_sub(spent);
        if self.is_first_round(context.phase) {
            // What this round takes, the way back takes too: the longer it lasts, the earlier it has to end.
            let forth = allowed.saturating_sub(BESIDES).div_f64(1.0 + SLOWER);
            return Ok(Some(left.min(forth.saturating_sub(spent))));
        }
        Ok(Some(left))
    }

    /// The part of the budget that is kept for the way back from a phase.
    pub(super) async fn kept_for_way_back(
        &self,
        plan: &Plan,
        present: &str,
    ) -> Result<Duration, JournalError> {
        kept_for_way_back(&*self.store, &self.sequence, plan, present).await
    }

    fn is_first_round(&self, present: &str) -> bool {
        self.sequence.block_begins().is_some_and(|phase| phase.name() == present)
    }
}

//! The budget spent: what of it is left to go forward, and what is kept for the way back.

use std::time::Duration;

use super::Executor;
use crate::journal::{Journal, JournalError};
use crate::phase::{Context, Step, WriteBlockRecord};
use crate::plan::{BESIDES, Plan, SLOWER, way_back};

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
        Ok(Some(self.budget_left(context.plan(), &block, context.phase).await?))
    }

    /// The time that is left of a write block's budget for this phase to go forward.
    pub(super) async fn budget_left(
        &self,
        plan: &Plan,
        block: &WriteBlockRecord,
        present: &str,
    ) -> Result<Duration, JournalError> {
        let allowed = plan.budget(self.store.controls().await?.tuning.budget_seconds);
        let kept = self.kept_for_way_back(plan, present).await?;
        let spent = block.time.lasts(&*self.clock);
        let left = allowed.saturating_sub(kept).saturating_sub(spent);
        if self.is_first_round(present) {
            // What this round takes, the way back takes too: the longer it lasts, the earlier it has to end.
            let forth = allowed.saturating_sub(BESIDES).div_f64(1.0 + SLOWER);
            return Ok(left.min(forth.saturating_sub(spent)));
        }
        Ok(left)
    }

    /// The part of the budget that is kept for the way back from a phase: as many rounds over the routers as undoing the phases
    /// takes that have begun, each as long as the one that blocked writes took, or as was predicted if that is longer.
    pub(super) async fn kept_for_way_back(
        &self,
        plan: &Plan,
        present: &str,
    ) -> Result<Duration, JournalError> {
        let records = self.store.phases().await?;
        let has_begun = |phase: &&Step| {
            let record = records.get(phase.name());
            phase.name() == present || record.is_some_and(|record| record.state.may_have_effects())
        };
        let rounds = self.sequence.blocked().filter(has_begun).map(|phase| phase.undo_rounds());
        let first = self.sequence.block_begins().and_then(|phase| records.get(phase.name()));
        let took = first.and_then(|record| record.time.took()).unwrap_or_default();
        Ok(way_back(rounds.sum(), took.max(plan.prediction.router_round())))
    }

    fn is_first_round(&self, present: &str) -> bool {
        self.sequence.block_begins().is_some_and(|phase| phase.name() == present)
    }
}

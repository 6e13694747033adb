//! Going by hand: one phase at a time, over the same journal.

use super::sessions::Work;
use super::{Executor, ExecutorError, Outcome};
use crate::hint::{Operation, hint};
use crate::journal::{Journal, PhaseState, PlanState};
use crate::phase::{Lease, PhaseError, Step};

impl Executor {
    /// Runs one phase, whose turn it has to be. All are done in this way when the last is. Between two steps nobody
    /// watches the write block's budget.
    ///
    /// Ends with [`Outcome::Paused`] before the phase that comes next, and otherwise as [`Executor::run`].
    ///
    /// # Errors
    ///
    /// [`ExecutorError::NotYet`], [`ExecutorError::NoPhase`], and as for [`Executor::run`].
    pub async fn step(&self, name: &str) -> Result<Outcome, ExecutorError> {
        self.phase(name)?;
        self.with_session_renewal(Work::Step(name)).await
    }

    pub(super) async fn step_leased(
        &self,
        lease: &Lease,
        name: &str,
    ) -> Result<Outcome, ExecutorError> {
        let phase = self.phase(name)?;
        let mut context = self.context(lease);
        self.store.update_controls(&mut |controls| controls.pause = false).await?;
        if let Err(trouble) = self.has_begun().await {
            return self.after_trouble(lease, &mut context, trouble).await;
        }
        match self.lifted(&mut context).await {
            Ok(None) => {}
            Ok(Some(lifted)) => {
                let anew = hint!(
                    "see that nobody changes electric-moray zones, then ",
                    Operation::Resume,
                    ", which begins the write block anew"
                );
                let trouble = PhaseError::hold(lifted, anew);
                return self.after_trouble(lease, &mut context, trouble).await;
            }
            Err(trouble) => return self.after_trouble(lease, &mut context, trouble).await,
        }
        if let Err(trouble) = self.undo_what_is_half_undone(&mut context).await {
            return self.end_with(&context, trouble).await;
        }
        if let Err(trouble) = self.rewind(&mut context).await {
            return self.end_with(&context, trouble).await;
        }
        let records = self.store.phases().await?;
        let is_done =
            |name: &str| records.get(name).is_some_and(|record| record.state == PhaseState::Done);
        let mut before = self.sequence.names().take_while(|&earlier| earlier != name);
        if let Some(missing) = before.find(|&earlier| !is_done(earlier)) {
            return Err(ExecutorError::NotYet { phase: name.to_owned(), missing });
        }
        context.phase = phase.name();
        if !is_done(phase.name()) {
            self.store.set_state(&PlanState::Running).await?;
            if let Err(trouble) = self.run_phase_anyhow(phase, &mut context).await {
                return self.after_trouble(lease, &mut context, trouble).await;
            }
        }
        context.phase = "";
        let records = self.store.phases().await?;
        let is_left =
            |name: &str| records.get(name).is_none_or(|record| record.state != PhaseState::Done);
        let Some(next) = self.sequence.iter().find(|phase| is_left(phase.name())) else {
            self.finish(&context, &PlanState::Done, "the plan is done").await?;
            return Ok(Outcome::Done);
        };
        self.store.set_state(&PlanState::Paused).await?;
        self.store.set_activity(None).await?;
        Ok(Outcome::Paused { phase: next.name().to_owned() })
    }

    fn phase(&self, name: &str) -> Result<&Step, ExecutorError> {
        let phase = self.sequence.get(name);
        phase.ok_or_else(|| ExecutorError::NoPhase { name: name.to_owned() })
    }
}

//! Going by hand: one phase at a time, over the same journal.

use super::sessions::Work;
use super::{Executor, ExecutorError, Outcome};
use crate::hint::{Operation, hint};
use crate::journal::{Journal, PhaseState, PlanState};
use crate::phase::{Context, Lease, PhaseError, Step};

/// The turn of a phase.
enum Turn {
    /// It has come, and perhaps it is done already.
    Come {
        /// True if it is done.
        is_done: bool,
    },
    /// It has not, for the plan has to stop.
    Ended(Outcome),
}

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

    /// Rehearses one phase, whose turn it has to be: it does what can be taken back, and takes it back. What it found is in the
    /// journal.
    ///
    /// Ends with [`Outcome::Paused`] before that phase, and otherwise as [`Executor::run`].
    ///
    /// # Errors
    ///
    /// [`ExecutorError::NoRehearsal`], [`ExecutorError::IsDone`], and as for [`Executor::step`].
    pub async fn rehearse(&self, name: &str) -> Result<Outcome, ExecutorError> {
        self.phase(name)?;
        self.with_session_renewal(Work::Rehearse(name)).await
    }

    pub(super) async fn step_leased(
        &self,
        lease: &Lease,
        name: &str,
    ) -> Result<Outcome, ExecutorError> {
        let phase = self.phase(name)?;
        let mut context = self.context(lease);
        let is_done = match self.turn_of(lease, &mut context, phase).await? {
            Turn::Come { is_done } => is_done,
            Turn::Ended(outcome) => return Ok(outcome),
        };
        if !is_done {
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
        self.paused_before(next).await
    }

    pub(super) async fn rehearse_leased(
        &self,
        lease: &Lease,
        name: &str,
    ) -> Result<Outcome, ExecutorError> {
        let phase = self.phase(name)?;
        let mut context = self.context(lease);
        match self.turn_of(lease, &mut context, phase).await? {
            Turn::Come { is_done: false } => {}
            Turn::Come { is_done: true } => {
                return Err(ExecutorError::IsDone { phase: name.to_owned() });
            }
            Turn::Ended(outcome) => return Ok(outcome),
        }
        self.store.set_state(&PlanState::Running).await?;
        let rehearsed = phase.rehearse(&context).await;
        context.phase = "";
        match rehearsed {
            Ok(true) => self.paused_before(phase).await,
            Ok(false) => {
                self.paused_before(phase).await?;
                Err(ExecutorError::NoRehearsal { phase: name.to_owned() })
            }
            Err(trouble) => self.after_trouble(lease, &mut context, trouble).await,
        }
    }

    async fn paused_before(&self, next: &Step) -> Result<Outcome, ExecutorError> {
        self.store.set_state(&PlanState::Paused).await?;
        self.store.set_activity(None).await?;
        Ok(Outcome::Paused { phase: next.name().to_owned() })
    }

    /// Sees that it is a phase's turn, after what was half undone is undone.
    async fn turn_of(
        &self,
        lease: &Lease,
        context: &mut Context,
        phase: &Step,
    ) -> Result<Turn, ExecutorError> {
        self.store.update_controls(&mut |controls| controls.pause = false).await?;
        if let Err(trouble) = self.has_begun().await {
            return Ok(Turn::Ended(self.after_trouble(lease, context, trouble).await?));
        }
        match self.lifted(context).await {
            Ok(None) => {}
            Ok(Some(lifted)) => {
                let anew = hint!(
                    "see that nobody changes electric-moray zones, then ",
                    Operation::Resume,
                    ", which begins the write block anew"
                );
                let trouble = PhaseError::hold(lifted, anew);
                return Ok(Turn::Ended(self.after_trouble(lease, context, trouble).await?));
            }
            Err(trouble) => {
                return Ok(Turn::Ended(self.after_trouble(lease, context, trouble).await?));
            }
        }
        if let Err(trouble) = self.undo_what_is_half_undone(context).await {
            return Ok(Turn::Ended(self.end_with(context, trouble).await?));
        }
        if let Err(trouble) = self.rewind(context).await {
            return Ok(Turn::Ended(self.end_with(context, trouble).await?));
        }
        let name = phase.name();
        let records = self.store.phases().await?;
        let is_done =
            |name: &str| records.get(name).is_some_and(|record| record.state == PhaseState::Done);
        let mut before = self.sequence.names().take_while(|&earlier| earlier != name);
        if let Some(missing) = before.find(|&earlier| !is_done(earlier)) {
            return Err(ExecutorError::NotYet { phase: name.to_owned(), missing });
        }
        context.phase = name;
        Ok(Turn::Come { is_done: is_done(name) })
    }

    fn phase(&self, name: &str) -> Result<&Step, ExecutorError> {
        let phase = self.sequence.get(name);
        phase.ok_or_else(|| ExecutorError::NoPhase { name: name.to_owned() })
    }
}

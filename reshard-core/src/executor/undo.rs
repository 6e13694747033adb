//! Stopping and going back.

use std::time::Duration;

use super::run::journal_only;
use super::sessions::Work;
use super::way_back::past_pivot;
use super::{Executor, ExecutorError, Outcome};
use crate::hint::{Hint, Operation, hint};
use crate::journal::{
    BUDGET, EntryKind, Journal, JournalError, PhaseRecord, PhaseState, PlanState,
};
use crate::phase::facts::UNDO_BACK_TO;
use crate::phase::{Context, Event, Lease, PhaseError, Step, Undone, WriteBlock};
use crate::quantity::duration;
use crate::retryable::look;

/// The pause between attempts to undo a phase.
pub(super) const PAUSE: Duration = Duration::from_millis(500);
/// The longest time between the beginning of the phase that blocks writes and that of the write block.
const SINCE_ITS_FIRST_PHASE: Duration = Duration::from_secs(1);

impl Executor {
    /// Rolls back whatever the plan did, in reverse order.
    ///
    /// # Errors
    ///
    /// [`ExecutorError::TooLate`] once the new ring may be in use; [`ExecutorError`] otherwise as for
    /// [`Executor::run`].
    pub async fn abort(&self) -> Result<Outcome, ExecutorError> {
        self.with_session_renewal(Work::Abort).await
    }

    pub(super) async fn abort_leased(&self, lease: &Lease) -> Result<Outcome, ExecutorError> {
        if let Some(phase) = past_pivot(&*self.store, &self.sequence).await? {
            self.store.update_controls(&mut |controls| controls.abort = false).await?;
            return Err(ExecutorError::TooLate { plan: lease.plan.uuid, phase: phase.to_owned() });
        }
        self.store.set_state(&PlanState::Aborting).await?;
        let mut context = self.context(lease);
        context.undoing = true;
        if self.open_write_block().await?.is_some() {
            // Nothing keeps writes refused that need not.
            self.store.keep_copy().await?;
            self.store.do_without(true).await;
            self.stand_by(&context).await.map_err(journal_only)?;
            // First, for what else cannot be undone must not keep them refused either.
            if let Err(worse) = self.undo_write_block(&mut context).await {
                return self
                    .end_with(&context, not_lifted("everything is rolled back", worse))
                    .await;
            }
        }
        for phase in self.sequence.iter().rev() {
            if self.open_write_block().await?.is_none() {
                if let Err(error) = self.write_back(&context).await {
                    return Err(self.is_behind(error).await);
                }
                self.store.forget_copy().await;
                if self.stop.is_asked() {
                    return self.end_with(&context, PhaseError::Stopped).await;
                }
            }
            if let Err(trouble) = self.undo_phase(phase, &mut context, None).await {
                return self.end_with(&context, trouble).await;
            }
        }
        self.store.update_controls(&mut |controls| controls.abort = false).await?;
        context.phase = "";
        self.finish(&context, &PlanState::Aborted, "everything was rolled back").await?;
        Ok(Outcome::Aborted)
    }

    /// Handles a trouble that the phase did not get over: if writes are refused and there is a way back, the
    /// original rings go back first, so that they flow while the operator thinks.
    pub(super) async fn after_trouble(
        &self,
        lease: &Lease,
        context: &mut Context,
        trouble: PhaseError,
    ) -> Result<Outcome, ExecutorError> {
        if matches!(trouble, PhaseError::Stopped) && self.store.controls().await?.abort {
            return self.abort_leased(lease).await;
        }
        let blocked = self.open_write_block().await?.is_some();
        let is_fatal = match &trouble {
            PhaseError::SessionOver | PhaseError::Overtaken { .. } => true,
            PhaseError::Journal(error) => !self.store.can_do_without(error).await,
            PhaseError::Transient { .. }
            | PhaseError::Hold { .. }
            | PhaseError::Stopped
            | PhaseError::OverBudget { .. } => false,
        };
        if !blocked || is_fatal {
            return self.end_with(context, trouble).await;
        }
        if past_pivot(&*self.store, &self.sequence).await?.is_some() {
            let what = format!(
                "{}; WRITES TO THE MOVING VNODES ARE STILL REFUSED, until the plan has got to the end of its write block",
                trouble.with_causes()
            );
            return self.end_with(context, PhaseError::hold(what, trouble.remedy())).await;
        }
        // Writes do not wait for a journal either.
        self.store.keep_copy().await?;
        self.store.do_without(true).await;
        let held_in = context.phase;
        let text = format!("{}; the original rings go back", trouble.with_causes());
        context.log(EntryKind::Hold, text.as_str()).await.map_err(journal_only)?;
        let spent = self.how_the_budget_was_spent(context).await?;
        let activity = self.store.activity().await?.filter(|activity| activity.phase == held_in);
        if let Err(worse) = self.undo_write_block(context).await {
            return self.end_with(context, not_lifted(&text, worse)).await;
        }
        context.phase = held_in;
        let mut what = format!("{}; writes are accepted again", trouble.with_causes());
        let remedy = match trouble {
            PhaseError::OverBudget { .. } => {
                let (at_last, advice) = activity.map_or_else(Default::default, |activity| {
                    (format!("; in the end: {}", activity.what), activity.hint.unwrap_or_default())
                });
                what = format!("{what}. {spent}{at_last}");
                let advice = if advice.is_empty() {
                    Hint::from("find out why that took so long")
                } else {
                    advice
                };
                hint!(
                    advice,
                    "; ",
                    Operation::Tune { setting: BUDGET.to_owned(), value: None },
                    " allows more; ",
                    again_or_back()
                )
            }
            PhaseError::Hold { remedy, .. } => remedy,
            PhaseError::Journal(_) => hint!(
                "see that the plan file can be written (room on the disk, who has it open); then ",
                again_or_back()
            ),
            PhaseError::Transient { .. }
            | PhaseError::Stopped
            | PhaseError::SessionOver
            | PhaseError::Overtaken { .. } => again_or_back(),
        };
        self.end_with(context, PhaseError::hold(what, remedy)).await
    }

    /// Undoes the phases back to and including the one that began the write block.
    ///
    /// Anything between them is of no use to anybody while the original rings are in place, so what cannot be undone there
    /// must not keep writes refused: it stays half undone, and is done again or undone when the plan goes on.
    pub(super) async fn undo_write_block(&self, context: &mut Context) -> Result<(), PhaseError> {
        for phase in self.sequence.iter().rev() {
            let block = phase.write_block();
            let patience = match block {
                WriteBlock::Outside => continue,
                WriteBlock::Inside => Some(Duration::ZERO),
                WriteBlock::Begins | WriteBlock::Ends => None,
            };
            match self.undo_phase(phase, context, patience).await {
                Ok(_) => {}
                Err(trouble) if block == WriteBlock::Inside && !trouble.is_fatal() => {
                    let text = format!(
                        "{} is not rolled back now: {}; the write block does not wait for that",
                        phase.name(),
                        trouble.with_causes()
                    );
                    context.log(EntryKind::Trouble, text).await?;
                }
                Err(trouble) => return Err(trouble),
            }
            if block == WriteBlock::Begins {
                break;
            }
        }
        Ok(())
    }

    /// Undoes the phases back to and including the one of this name. Of a name that the plan does not have, which only a file
    /// that was edited has, nothing is undone.
    pub(super) async fn rewind_to(
        &self,
        context: &mut Context,
        back_to: &str,
    ) -> Result<(), PhaseError> {
        if self.sequence.get(back_to).is_none() {
            let what = format!(
                "the journal says to undo everything back to {back_to}, and the plan has no such phase"
            );
            return Err(PhaseError::hold(
                what,
                hint!(
                    "see who has changed the plan file; ",
                    Operation::Abort,
                    " rolls everything back"
                ),
            ));
        }
        for phase in self.sequence.iter().rev() {
            self.undo_phase(phase, context, None).await?;
            if phase.name() == back_to {
                break;
            }
        }
        Ok(())
    }

    /// Undoes a phase that may have effects, trying again while its troubles may pass: for so long, or as the operator set it.
    /// `None` if there was nothing to do.
    pub(super) async fn undo_phase(
        &self,
        phase: &Step,
        context: &mut Context,
        patience: Option<Duration>,
    ) -> Result<Option<Undone>, PhaseError> {
        let Some(record) = self.store.phases().await?.get(phase.name()).cloned() else {
            return Ok(None);
        };
        if !record.state.may_have_effects() {
            return Ok(None);
        }
        context.phase = phase.name();
        let was_undoing = std::mem::replace(&mut context.undoing, true);
        let undone = self.undo_begun(phase, context, record, patience).await;
        context.undoing = was_undoing;
        undone.map(Some)
    }

    async fn undo_begun(
        &self,
        phase: &Step,
        context: &Context,
        record: PhaseRecord,
        patience: Option<Duration>,
    ) -> Result<Undone, PhaseError> {
        if phase.is_urgent() {
            self.stand_by(context).await?;
        }
        let (state, time) = (PhaseState::Undoing, record.time.reopened());
        let undoing = PhaseRecord { state, time, ..record };
        self.store.set_phase(phase.name(), &undoing).await?;
        context.log(EntryKind::Stage, format!("rolling back: {}", phase.about().title)).await?;
        let began = self.clock.monotonic();
        let undone = loop {
            let undone = self.accompanied(phase, context, phase.undo(context)).await?;
            let trouble = match undone.map_err(|trouble| context.or_session_over(trouble)) {
                Ok(undone) => break undone,
                Err(trouble @ PhaseError::Transient { .. }) => trouble,
                Err(other) => return Err(other),
            };
            context.log(EntryKind::Trouble, trouble.with_causes()).await?;
            let usual = Duration::from_secs(context.tuning().await?.patience_seconds);
            if self.clock.since(began) >= patience.unwrap_or(usual) {
                return Err(trouble);
            }
            self.clock.sleep(PAUSE).await;
        };
        if let (Undone::Rewind, Some(earlier)) = (undone, phase.rewinds_to()) {
            // First, for a phase that is undone is not undone again, and then nobody would know.
            self.journal().put(&UNDO_BACK_TO, &earlier.to_owned()).await?;
        }
        if phase.write_block() == WriteBlock::Begins {
            self.tell_write_block_ended(context, false).await?;
        }
        let (state, time) = (PhaseState::Undone, undoing.time.end(&*self.clock));
        self.store.set_phase(phase.name(), &PhaseRecord { state, time, ..undoing }).await?;
        context.tell(&Event::PhaseUndone { phase: phase.name() });
        Ok(undone)
    }

    /// Writes down why the execution ends here.
    pub(super) async fn end_with(
        &self,
        context: &Context,
        trouble: PhaseError,
    ) -> Result<Outcome, ExecutorError> {
        let phase = context.phase.to_owned();
        match trouble {
            // The journal cannot take it, so the caller has to.
            PhaseError::Journal(error) => Err(ExecutorError::Journal(error)),
            PhaseError::SessionOver => Err(ExecutorError::SessionOver),
            PhaseError::Overtaken { by } => Err(ExecutorError::Overtaken { by: by.clone() }),
            PhaseError::Stopped => {
                self.finish(context, &PlanState::Paused, "stopped as asked").await?;
                Ok(Outcome::Paused { phase })
            }
            PhaseError::Transient { .. }
            | PhaseError::Hold { .. }
            | PhaseError::OverBudget { .. } => {
                let what = trouble.with_causes();
                // Resumed, the plan would go forward again.
                let remedy = trouble.remedy();
                let remedy = if context.undoing {
                    remedy.for_abort()
                } else if past_pivot(&*self.store, &self.sequence).await?.is_some() {
                    remedy.for_the_way_forward()
                } else {
                    remedy
                };
                let text = hint!(what.as_str(), ". To do: ", remedy.clone());
                context.log(EntryKind::Hold, text).await.map_err(journal_only)?;
                let (held_in, why, do_this) = (phase.clone(), what.clone(), remedy.clone());
                let state = PlanState::Held { phase: held_in, what: why, remedy: do_this };
                self.store.set_state(&state).await?;
                self.store.set_activity(None).await?;
                Ok(Outcome::Held { phase, what, remedy })
            }
        }
    }

    /// The budget of the write block that lasts, and how long each of its phases has been going on.
    async fn how_the_budget_was_spent(&self, context: &Context) -> Result<String, JournalError> {
        let records = self.store.phases().await?;
        let lasts = self.open_write_block().await?.map(|block| block.time.lasts(&*self.clock));
        // It begins just after its first phase, and its phases may have been in one before.
        let longest = lasts.unwrap_or_default() + SINCE_ITS_FIRST_PHASE;
        let parts: Vec<String> = self
            .sequence
            .blocked()
            .filter_map(|phase| {
                let time = &records.get(phase.name())?.time;
                if time.lasts(&*self.clock) > longest {
                    return None;
                }
                let took = time.took().unwrap_or_else(|| time.lasts(&*self.clock));
                Some(format!("{} {:.1} s", phase.name(), took.as_secs_f64()))
            })
            .collect();
        let tuned = self.store.controls().await?.tuning.budget_seconds;
        let allowed = context.plan().budget(tuned);
        let kept = self.kept_for_way_back(context.plan(), context.phase).await?;
        Ok(format!(
            "The budget is {}, of which {} are for the way back. The time went to: {}",
            duration(allowed),
            duration(kept),
            parts.join(", ")
        ))
    }
}

/// The operator's advice where the plan can go on or back.
pub(super) fn again_or_back() -> Hint {
    hint!(Operation::Resume, " tries again, ", Operation::Abort, " rolls everything back")
}

/// The trouble to report if the original rings could not be put back while this was done.
fn not_lifted(doing: &str, worse: PhaseError) -> PhaseError {
    if matches!(worse, PhaseError::SessionOver | PhaseError::Overtaken { .. }) {
        return worse;
    }
    let again = hint!(
        "fix what the message names, then at once ",
        Operation::Abort,
        ", which tries it again"
    );
    // What serves is refused with its own remedy: another copy of the file, or a ring that somebody named by hand.
    let own = if let PhaseError::Hold { remedy, .. } = &worse { Some(remedy) } else { None };
    let remedy = match own {
        Some(own) if *own != look() => hint!(own.clone(), "; otherwise ", again),
        Some(_) | None => again,
    };
    PhaseError::hold(
        format!(
            "{doing}, but that failed: {}; WRITES TO THE MOVING VNODES ARE STILL REFUSED",
            worse.with_causes()
        ),
        remedy,
    )
}

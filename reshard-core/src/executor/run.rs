//! Going forward.

use std::time::Duration;

use super::sessions::Work;
use super::way_back::past_pivot;
use super::{Executor, ExecutorError, Outcome};
use crate::clock::TimeSpan;
use crate::journal::{EntryKind, Journal, JournalError, PhaseRecord, PhaseState, PlanState};
use crate::phase::facts::{ROUND, UNDO_BACK_TO};
use crate::phase::{Context, Event, Lease, PhaseError, Step, WriteBlock};
use crate::quantity::duration;

/// The pause after the first passing trouble; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

impl Executor {
    /// Carries the plan out, from where it is to its end or to where it has to stop. A pause that was asked for before is
    /// over with this; an abort that was asked for is done.
    ///
    /// # Errors
    ///
    /// [`ExecutorError`]: the journal or the plan's lock cannot be had, or the plan is over. Troubles of the plan itself
    /// are not errors but [`Outcome::Held`].
    pub async fn run(&self) -> Result<Outcome, ExecutorError> {
        self.with_session_renewal(Work::Run).await
    }

    pub(super) async fn run_leased(&self, lease: &Lease) -> Result<Outcome, ExecutorError> {
        let too_late = past_pivot(&*self.store, &self.sequence).await?;
        let abort = self.store.controls().await?.abort;
        if abort && too_late.is_none() {
            return self.abort_leased(lease).await;
        }
        self.store
            .update_controls(&mut |controls| {
                controls.pause = false;
                controls.abort &= !abort;
            })
            .await?;
        self.store.set_state(&PlanState::Running).await?;
        let mut context = self.context(lease);
        if let Some(phase) = too_late.filter(|_| abort) {
            // Perhaps while writes are refused: going on is what lets them flow again.
            let text = format!("the abort that was asked for came too late: {phase} has begun");
            context.log(EntryKind::Note, text).await.map_err(journal_only)?;
        }
        let begun = match self.has_begun().await {
            Ok(()) => self.begin_anew_if_lifted(&mut context).await,
            failed => failed,
        };
        if let Err(trouble) = begun {
            return self.after_trouble(lease, &mut context, trouble).await;
        }
        if let Err(trouble) = self.rewind(&mut context).await {
            return self.end_with(&context, trouble).await;
        }
        for phase in &self.sequence {
            let done = self.store.phases().await?.get(phase.name()).map(|record| record.state);
            if done == Some(PhaseState::Done) && !self.has_expired(phase).await? {
                continue;
            }
            context.phase = phase.name();
            let pause = done != Some(PhaseState::Begun);
            let wanted =
                if pause { self.is_to_pause_before(phase.name()).await } else { Ok(false) };
            match wanted {
                Ok(true) => return self.end_with(&context, PhaseError::Stopped).await,
                Ok(_) => {}
                // Perhaps while writes are refused.
                Err(error) => {
                    return self.after_trouble(lease, &mut context, error.into()).await;
                }
            }
            if let Err(trouble) = self.run_phase_anyhow(phase, &mut context).await {
                return self.after_trouble(lease, &mut context, trouble).await;
            }
        }
        context.phase = "";
        self.finish(&context, &PlanState::Done, "the plan is done").await?;
        Ok(Outcome::Done)
    }

    /// Tells whether the operator wants a pause before this phase, and may have it now: a pause while writes are refused is put
    /// off until they flow again. The wish is over with that.
    async fn is_to_pause_before(&self, phase: &str) -> Result<bool, JournalError> {
        if self.store.controls().await?.pause_before.as_deref() != Some(phase) {
            return Ok(false);
        }
        let blocked = self.open_write_block().await?.is_some();
        let mut wanted = false;
        self.store
            .update_controls(&mut |controls| {
                wanted = controls.pause_before.as_deref() == Some(phase);
                if wanted {
                    controls.pause_before = None;
                    controls.pause |= blocked;
                }
            })
            .await?;
        Ok(wanted && !blocked)
    }

    /// Tells whether a phase that an earlier execution has done has to be done again. What it found counts once writes are refused,
    /// or, where they never are, once the next phase has begun.
    async fn has_expired(&self, phase: &Step) -> Result<bool, JournalError> {
        if !phase.expires() {
            return Ok(false);
        }
        let records = self.store.phases().await?;
        let mut after = self.sequence.iter().skip_while(|step| step.name() != phase.name()).skip(1);
        let counts = self.sequence.block_begins().or_else(|| after.next());
        let counts = counts.and_then(|phase| records.get(phase.name()));
        Ok(!counts.is_some_and(|record| record.state.may_have_effects()))
    }

    /// Undoes what a write block that was rolled back has made unusable, so that it is recreated under other names.
    pub(super) async fn rewind(&self, context: &mut Context) -> Result<(), PhaseError> {
        let Some(back_to) = self.journal().get(&UNDO_BACK_TO).await? else {
            return Ok(());
        };
        self.rewind_to(context, &back_to).await?;
        let round = context.round().await?;
        self.journal().put(&ROUND, &(round + 1)).await?;
        Ok(self.journal().forget(&UNDO_BACK_TO).await?)
    }

    pub(super) async fn run_phase(
        &self,
        phase: &Step,
        context: &mut Context,
    ) -> Result<(), PhaseError> {
        let block = phase.write_block();
        context.in_write_block = block.touches();
        if block.touches() || phase.is_urgent() {
            self.stand_by(context).await?;
        }
        context.past_pivot = past_pivot(&*self.store, &self.sequence).await?.is_some();
        if !context.in_write_block {
            context.checkpoint().await?;
        }
        if block == WriteBlock::Begins && self.open_write_block().await?.is_none() {
            context.check_budget().await?;
        }
        context.past_pivot |= phase.is_pivot();
        let record = self.begin(phase, context).await?;
        if block == WriteBlock::Begins && self.begin_write_block().await? {
            let allowed = context.budget().await?;
            context.tell(&Event::WriteBlockBegan { budget: allowed });
            let kept = self.kept_for_way_back(context.plan(), context.phase).await?;
            let text = format!(
                "writes to the moving vnodes are refused from now on, for at most {}, of which {} are kept for the way back",
                duration(allowed),
                duration(kept)
            );
            context.log(EntryKind::Stage, text).await?;
        }
        self.accompanied(phase, context, self.repeat(phase, context)).await??;
        if block == WriteBlock::Ends {
            // First, for a phase that is done is not run again, and then nobody would do this.
            self.tell_write_block_ended(context, true).await?;
        }
        let (state, time) = (PhaseState::Done, record.time.end(&*self.clock));
        let took = time.took().unwrap_or_default();
        self.store.set_phase(phase.name(), &PhaseRecord { state, time, ..record }).await?;
        context.log(EntryKind::Stage, format!("done after {}", duration(took))).await?;
        context.tell(&Event::PhaseDone { phase: phase.name(), took });
        Ok(())
    }

    async fn begin(&self, phase: &Step, context: &Context) -> Result<PhaseRecord, JournalError> {
        let before = self.store.phases().await?.get(phase.name()).cloned();
        let attempts = before.as_ref().map_or(0, |record| record.attempts) + 1;
        let record = match before {
            Some(record) if record.state == PhaseState::Begun => PhaseRecord { attempts, ..record },
            _ => PhaseRecord {
                state: PhaseState::Begun,
                time: TimeSpan::begin(&*self.clock),
                attempts,
            },
        };
        self.store.set_phase(phase.name(), &record).await?;
        context.log(EntryKind::Stage, phase.about().title).await.map_err(journal_only)?;
        context.tell(&Event::PhaseBegan { phase: phase.name(), attempt: attempts });
        Ok(record)
    }

    /// Runs the phase again and again as long as its troubles may pass.
    async fn repeat(&self, phase: &Step, context: &Context) -> Result<(), PhaseError> {
        let began = self.clock.monotonic();
        let mut pause = FIRST_PAUSE;
        let mut last = None;
        loop {
            let done = self.within_budget(phase, context).await;
            let trouble = match done.map_err(|trouble| context.or_session_over(trouble)) {
                Ok(()) => return Ok(()),
                Err(trouble @ PhaseError::Transient { .. }) => trouble,
                Err(PhaseError::OverBudget { .. }) => return Err(PhaseError::OverBudget { last }),
                Err(other) => return Err(other),
            };
            let patience = Duration::from_secs(context.tuning().await?.patience_seconds);
            let text = trouble.with_causes();
            context.log(EntryKind::Trouble, text.as_str()).await?;
            if self.clock.since(began) >= patience {
                return Err(PhaseError::Hold {
                    what: format!(
                        "{text}; that lasted for longer than patience_seconds ({} s)",
                        patience.as_secs()
                    ),
                    remedy: trouble.remedy(),
                    source: None,
                });
            }
            last = Some(Box::new(trouble));
            context.checkpoint().await?;
            let longest = if context.in_write_block { FIRST_PAUSE } else { LONGEST_PAUSE };
            tokio::select! {
                () = self.clock.sleep(pause.min(longest)) => {}
                () = self.stop.asked(), if !self.stop.is_asked() => {}
            }
            context.checkpoint().await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Runs the phase; inside the write block, and as long as there is a way back, only until that has to begin for writes to
    /// be refused no longer than the budget allows.
    async fn within_budget(&self, phase: &Step, context: &Context) -> Result<(), PhaseError> {
        let Some(left) = self.time_forward(context).await? else { return phase.run(context).await };
        let over = Err(PhaseError::OverBudget { last: None });
        if left.is_zero() {
            return over;
        }
        tokio::select! {
            done = phase.run(context) => done,
            () = self.clock.sleep(left) => over,
        }
    }

    pub(super) async fn tell_write_block_ended(
        &self,
        context: &Context,
        moved: bool,
    ) -> Result<(), PhaseError> {
        if let Some(took) = self.end_write_block(moved).await? {
            let text = format!("writes are accepted again after {:.1} s", took.as_secs_f64());
            context.log(EntryKind::Stage, text).await?;
            context.tell(&Event::WriteBlockEnded { took, moved });
        }
        Ok(())
    }

    pub(super) async fn finish(
        &self,
        context: &Context,
        state: &PlanState,
        text: &str,
    ) -> Result<(), JournalError> {
        self.store.set_state(state).await?;
        self.store.set_activity(None).await?;
        context.log(EntryKind::Stage, text).await.map_err(journal_only)
    }
}

/// Logging fails only with the journal.
pub(super) fn journal_only(trouble: PhaseError) -> JournalError {
    if let PhaseError::Journal(error) = trouble {
        return error;
    }
    JournalError::Plan { path: "journal".to_owned(), problem: trouble.to_string() }
}

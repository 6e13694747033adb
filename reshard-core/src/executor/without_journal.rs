//! Getting out of the write block when the journal cannot be written.

use std::time::Duration;

use super::way_back::past_pivot;
use super::{Executor, ExecutorError};
use crate::journal::{Entry, EntryKind, JournalError};
use crate::phase::{Context, Event, PhaseError, Step};

/// The time for which a journal that cannot be written is tried again while writes are refused, before the plan does without.
const PATIENCE: Duration = Duration::from_secs(20);
/// The time for which it is tried again when everything else is done.
const WRITING_BACK: Duration = Duration::from_secs(15);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(200);

impl Executor {
    /// Has a journal that cannot be written not keep a write block open that lasts already when an executor begins.
    pub(super) async fn take_over_write_block(&self) -> Result<(), JournalError> {
        if self.open_write_block().await?.is_some() {
            self.store.keep_copy().await?;
            self.store.do_without(true).await;
        }
        Ok(())
    }

    /// Ends that: if the journal could not take that this executor has begun, there is no going forward.
    pub(super) async fn has_begun(&self) -> Result<(), PhaseError> {
        self.store.do_without(false).await;
        if past_pivot(&*self.store, &self.sequence).await?.is_none() {
            self.store.write_back().await?;
        }
        Ok(())
    }

    /// Runs a phase. If the journal cannot be written while writes are refused, that is tried again for a while. Then the plan does
    /// without: it goes back, or on to the end of the write block if there is no way back.
    pub(super) async fn run_phase_anyhow(
        &self,
        phase: &Step,
        context: &mut Context,
    ) -> Result<(), PhaseError> {
        if !phase.write_block().touches() {
            self.write_back(context).await?;
            self.store.forget_copy().await;
            return self.run_phase(phase, context).await;
        }
        self.store.keep_copy().await?;
        let began = self.clock.monotonic();
        loop {
            let error = match self.run_phase(phase, context).await {
                Err(PhaseError::Journal(error)) if self.store.can_do_without(&error).await => error,
                done => return done,
            };
            let only_forward = past_pivot(&*self.store, &self.sequence).await?.is_some();
            context.past_pivot = only_forward;
            let left = self.time_forward(context).await?.unwrap_or(PATIENCE).min(PATIENCE);
            if self.clock.since(began) < left {
                self.tell_only(context, &PhaseError::Journal(error).with_causes());
                self.clock.sleep(PAUSE).await;
                continue;
            }
            self.store.do_without(true).await;
            if !only_forward {
                return Err(PhaseError::Journal(error));
            }
            let text = "the plan goes on without its journal to the end of the write block";
            context
                .log(
                    EntryKind::Trouble,
                    format!("{}; {text}", PhaseError::Journal(error).with_causes()),
                )
                .await?;
        }
    }

    /// Writes to the journal what it lacks, for a while.
    pub(super) async fn write_back(&self, context: &Context) -> Result<(), JournalError> {
        let missing = self.store.missing().await;
        if missing == 0 {
            return Ok(());
        }
        let began = self.clock.monotonic();
        while let Err(error) = self.store.write_back().await {
            if self.clock.since(began) >= WRITING_BACK {
                return Err(error);
            }
            self.clock.sleep(PAUSE).await;
        }
        self.store.do_without(false).await;
        let text = format!("the journal has {missing} entries now that it could not take before");
        match context.log(EntryKind::Note, text).await {
            Err(PhaseError::Journal(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// The error to report at the end if the journal still lacks something.
    pub(super) async fn is_behind(&self, source: JournalError) -> ExecutorError {
        if matches!(source, JournalError::Overtaken { .. }) {
            return source.into();
        }
        let writes = match self.open_write_block().await {
            Ok(None) => "writes to the moving vnodes are accepted",
            Ok(Some(_)) | Err(_) => "WRITES TO THE MOVING VNODES ARE STILL REFUSED",
        };
        ExecutorError::JournalBehind { missing: self.store.missing().await, writes, source }
    }

    /// Tells the observers what the journal cannot be told.
    fn tell_only(&self, context: &Context, text: &str) {
        let (at, phase) = (self.clock.now(), context.phase.to_owned());
        let entry = Entry { at, phase, kind: EntryKind::Trouble, text: text.into() };
        context.tell(&Event::Logged(entry));
    }
}

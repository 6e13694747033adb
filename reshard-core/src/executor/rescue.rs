//! Ending what an executor that is gone has left and that must not last: a write block, or an urgent phase that is half done.

use std::time::Duration;

use super::run::journal_only;
use super::sessions::Work;
use super::undo::{PAUSE, again_or_back};
use super::way_back::past_pivot;
use super::{Executor, ExecutorError, Outcome};
use crate::journal::{EntryKind, Journal, JournalError, PhaseState, PlanState};
use crate::phase::{Context, Lease, PhaseError, Sequence, Step};

/// An executor that is gone.
#[derive(Clone, Debug)]
pub struct Gone {
    /// Everything known of it, in words: `the executor in headnode (process 4711) was gone at 12:00:00`.
    pub words: String,
    /// Its session with ZooKeeper, if its process is known to be dead: then nobody has to wait until ZooKeeper misses it.
    pub session: Option<i64>,
}

/// The [urgent](crate::Phase::is_urgent) phase that is run or undone now, as far as the journal tells. If no executor is alive, it
/// has left it half done. One that holds or was paused is not: whoever stops there sees to that first.
///
/// # Errors
///
/// [`JournalError`]
pub async fn urgent_phase<'a>(
    store: &dyn Journal,
    sequence: &'a Sequence,
) -> Result<Option<&'a Step>, JournalError> {
    if !matches!(store.state().await?, PlanState::Running | PlanState::Aborting) {
        return Ok(None);
    }
    let records = store.phases().await?;
    let is_half_done = |step: &&Step| {
        let state = records.get(step.name()).map(|record| record.state);
        step.is_urgent() && matches!(state, Some(PhaseState::Begun | PhaseState::Undoing))
    };
    Ok(sequence.iter().find(is_half_done))
}

impl Executor {
    /// Tells whether there is something to [rescue](Executor::rescue) if the plan's executor is gone.
    ///
    /// # Errors
    ///
    /// [`JournalError`]
    pub async fn needs_rescue(&self) -> Result<bool, JournalError> {
        Ok(self.open_write_block().await?.is_some() || self.urgent_phase().await?.is_some())
    }

    async fn urgent_phase(&self) -> Result<Option<&Step>, JournalError> {
        urgent_phase(&*self.store, &self.sequence).await
    }

    /// Ends what an executor has left which is gone. A write block: the original rings go back, and the plan holds; once there is
    /// no way back, the plan goes on to its end. An urgent phase: it is brought to an end that can last, and the plan holds. Where
    /// there is neither, nothing is done: `None`.
    ///
    /// # Errors
    ///
    /// As for [`Executor::run`]; [`ExecutorError::Lock`] if another executor has the plan.
    pub async fn rescue(&self, gone: &Gone) -> Result<Option<Outcome>, ExecutorError> {
        if !self.needs_rescue().await? {
            return Ok(None);
        }
        self.with_session_renewal(Work::Rescue(gone)).await.map(Some)
    }

    pub(super) async fn rescue_leased(
        &self,
        lease: &Lease,
        gone: &Gone,
    ) -> Result<Outcome, ExecutorError> {
        if let Some(phase) = self.urgent_phase().await? {
            return self.rescue_urgent(lease, gone, phase).await;
        }
        let records = self.store.phases().await?;
        let was_in = |phase: &&Step| {
            let record = records.get(phase.name());
            record.is_some_and(|record| record.state.may_have_effects())
        };
        let present = self.sequence.blocked().rev().find(was_in).map_or("", |phase| phase.name());
        if self.open_write_block().await?.is_none() {
            // Somebody was faster.
            return Ok(Outcome::Paused { phase: present.to_owned() });
        }
        let mut context = self.context(lease);
        context.phase = present;
        let words = format!("{} with writes refused", gone.words);
        if past_pivot(&*self.store, &self.sequence).await?.is_some() {
            let text = format!("{words}; there is no way back, so the plan goes on");
            context.log(EntryKind::Note, text).await.map_err(journal_only)?;
            return self.run_leased(lease).await;
        }
        self.store.keep_copy().await?;
        self.after_trouble(lease, &mut context, PhaseError::hold(words, again_or_back())).await
    }

    async fn rescue_urgent(
        &self,
        lease: &Lease,
        gone: &Gone,
        phase: &Step,
    ) -> Result<Outcome, ExecutorError> {
        let mut context = self.context(lease);
        context.phase = phase.name();
        context.undoing = self.store.state().await? == PlanState::Aborting;
        let words = format!("{} in the middle of {}", gone.words, phase.name());
        context.log(EntryKind::Note, words.as_str()).await.map_err(journal_only)?;
        let trouble = match self.insist_on_rescue(&context, phase).await {
            Ok(end) => PhaseError::hold(format!("{words}; {end}"), again_or_back()),
            Err(trouble) => trouble,
        };
        self.end_with(&context, trouble).await
    }

    /// Rescues again and again while the troubles may pass.
    async fn insist_on_rescue(
        &self,
        context: &Context,
        phase: &Step,
    ) -> Result<String, PhaseError> {
        let began = self.clock.monotonic();
        loop {
            let rescued = phase.rescue(context).await;
            let trouble = match rescued.map_err(|trouble| context.or_session_over(trouble)) {
                Err(trouble @ PhaseError::Transient { .. }) => trouble,
                other => return other,
            };
            context.log(EntryKind::Trouble, trouble.with_causes()).await?;
            let patience = context.tuning().await?.patience_seconds;
            if self.clock.since(began) >= Duration::from_secs(patience) {
                return Err(trouble);
            }
            self.clock.sleep(PAUSE).await;
        }
    }
}

//! Phases that keep up what they brought about while later ones run or are undone.

use futures_util::future::select_all;

use super::Executor;
use crate::journal::{Journal, JournalError, PhaseState};
use crate::phase::{Context, Step};

impl Executor {
    /// Does something for a phase, and beside it what earlier phases have to keep up.
    pub(super) async fn accompanied<T>(
        &self,
        phase: &Step,
        context: &Context,
        doing: impl Future<Output = T>,
    ) -> Result<T, JournalError> {
        let companions = self.companions(phase).await?;
        if companions.is_empty() {
            return Ok(doing.await);
        }
        let kept_up = companions.into_iter().map(|earlier| earlier.keep_up(context));
        tokio::select! {
            biased;
            done = doing => Ok(done),
            (never, ..) = select_all(kept_up) => match never {},
        }
    }

    /// The phases that are done and have to be kept up while this one runs or is undone.
    async fn companions(&self, phase: &Step) -> Result<Vec<&Step>, JournalError> {
        let records = self.store.phases().await?;
        let place = |name: &str| self.sequence.iter().position(|step| step.name() == name);
        let present = place(phase.name());
        let is_kept_up = |earlier: &&Step| {
            let until = earlier.kept_up_until().and_then(place);
            let done = records.get(earlier.name());
            done.is_some_and(|record| record.state == PhaseState::Done)
                && place(earlier.name()) < present
                && until.is_some_and(|until| present < Some(until))
        };
        Ok(self.sequence.iter().filter(is_kept_up).collect())
    }
}

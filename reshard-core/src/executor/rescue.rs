//! Ending the write block of an executor that is gone.

use super::run::journal_only;
use super::sessions::Work;
use super::undo::again_or_back;
use super::way_back::past_pivot;
use super::{Executor, ExecutorError, Outcome};
use crate::journal::{EntryKind, Journal};
use crate::phase::{Lease, PhaseError, Step};

/// An executor that is gone.
#[derive(Clone, Debug)]
pub struct Gone {
    /// Everything known of it, in words: `the executor in headnode (process 4711) was gone at 12:00:00`.
    pub words: String,
    /// Its session with ZooKeeper, if its process is known to be dead: then nobody has to wait until ZooKeeper misses it.
    pub session: Option<i64>,
}

impl Executor {
    /// Ends the write block that an executor has left which is gone: the original rings go back, and the plan holds; once there is
    /// no way back, the plan goes on to its end. Where writes are not refused nothing is done: `None`.
    ///
    /// # Errors
    ///
    /// As for [`Executor::run`]; [`ExecutorError::Lock`] if another executor has the plan.
    pub async fn rescue(&self, gone: &Gone) -> Result<Option<Outcome>, ExecutorError> {
        if self.open_write_block().await?.is_none() {
            return Ok(None);
        }
        self.with_session_renewal(Work::Rescue(gone)).await.map(Some)
    }

    pub(super) async fn rescue_leased(
        &self,
        lease: &Lease,
        gone: &Gone,
    ) -> Result<Outcome, ExecutorError> {
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
}

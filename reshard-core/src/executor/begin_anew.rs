//! Beginning a write block anew that is worth nothing any more: somebody has lifted it and the journal does not know, or nobody was
//! there to end it in time.

use super::Executor;
use super::way_back::past_pivot;
use crate::journal::{EntryKind, Journal, JournalError, PhaseState};
use crate::phase::{Context, PhaseError, Step};
use crate::quantity::duration;

impl Executor {
    /// Takes the write block back if the routers do not refuse writes any more, as after a way back that the journal could not be
    /// told of, or after somebody has edited it: what was done since is worth nothing then. Likewise if its budget was used up
    /// while no executor was there. It begins anew when the plan goes on.
    pub(super) async fn begin_anew_if_lifted(
        &self,
        context: &mut Context,
    ) -> Result<(), PhaseError> {
        let found = match self.lifted(context).await? {
            Some(lifted) => Some(lifted),
            None => self.outlasted(context).await?,
        };
        if let Some(found) = found {
            self.store.keep_copy().await?;
            self.store.do_without(true).await;
            context.note(format!("{found}; the write block is rolled back and begun anew")).await?;
            self.undo_write_block(context).await?;
            self.store.do_without(false).await;
        }
        self.undo_what_is_half_undone(context).await
    }

    /// Says what is there in place of what refuses writes, if the journal says that writes are refused and they are not. The write
    /// block is open then, so that it is rolled back.
    pub(super) async fn lifted(&self, context: &mut Context) -> Result<Option<String>, PhaseError> {
        let Some(first) = self.found_begun().await? else { return Ok(None) };
        context.phase = first.name();
        let lifted = match first.lifted(context).await {
            Err(trouble @ (PhaseError::Transient { .. } | PhaseError::Hold { .. })) => {
                // Those who need it look themselves.
                context.log(EntryKind::Trouble, trouble.with_causes()).await?;
                None
            }
            other => other?,
        };
        if lifted.is_some() {
            self.begin_write_block().await?;
            self.store.keep_copy().await?;
            self.store.do_without(true).await;
        }
        Ok(lifted)
    }

    /// Says for how long writes have been refused, if no time is left to go forward before this execution has done anything.
    async fn outlasted(&self, context: &mut Context) -> Result<Option<String>, PhaseError> {
        let Some(first) = self.sequence.block_begins() else { return Ok(None) };
        if past_pivot(&*self.store, &self.sequence).await?.is_some() {
            return Ok(None);
        }
        let Some(block) = self.open_write_block().await? else { return Ok(None) };
        context.phase = first.name();
        let left = self.budget_left(context.plan(), &block, context.phase).await?;
        let lasts = duration(block.time.lasts(&*self.clock));
        Ok(left.is_zero().then(|| {
            format!(
                "writes were refused for {lasts}, and no executor was there to end that in time"
            )
        }))
    }

    /// The phase that has begun a write block out of which there is a way back.
    async fn found_begun(&self) -> Result<Option<&Step>, JournalError> {
        if past_pivot(&*self.store, &self.sequence).await?.is_some() {
            return Ok(None);
        }
        let records = self.store.phases().await?;
        let is_done = |phase: &&Step| {
            let record = records.get(phase.name());
            record.is_some_and(|record| record.state == PhaseState::Done)
        };
        Ok(self.sequence.block_begins().filter(is_done))
    }

    /// Undoes the rest of what did not get undone while writes waited for that: it must not pass for something that was begun.
    pub(super) async fn undo_what_is_half_undone(
        &self,
        context: &mut Context,
    ) -> Result<(), PhaseError> {
        if self.open_write_block().await?.is_some() {
            return Ok(());
        }
        for phase in self.sequence.blocked().rev() {
            let record = self.store.phases().await?.get(phase.name()).cloned();
            if record.is_some_and(|record| record.state == PhaseState::Undoing) {
                self.undo_phase(phase, context, None).await?;
            }
        }
        Ok(())
    }
}

//! A phase that cuts over again and again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reshard_core::phases::guarded::CutOver;
use reshard_core::{About, Context, Controls, Journal, Phase, PhaseError, SqliteJournal, Undone};

/// The pause between two cutovers, in which requests that waited are answered.
const PAUSE: Duration = Duration::from_secs(1);

/// Moves the vnodes back to the source and to the new shard again.
pub(crate) struct ThereAndBack {
    /// The most times.
    pub(crate) pairs: u32,
    /// The time after which it is not begun again.
    pub(crate) within: Duration,
    pub(crate) journal: Arc<SqliteJournal>,
}

#[async_trait]
impl Phase for ThereAndBack {
    fn name(&self) -> &'static str {
        "there-and-back"
    }

    fn about(&self) -> About {
        About {
            title: "move the vnodes back and there again",
            rfd103: "",
            reads: "what cut-over reads",
            writes: "what cut-over writes",
            done_when: "it was done so often",
            undo: "nothing",
            pause: "between two attempts",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        let mut unrehearsed = |controls: &mut Controls| controls.tuning.rehearsals = 0;
        let updated = self.journal.update_controls(&mut unrehearsed).await;
        updated.map_err(|error| PhaseError::transient(error.to_string()))?;
        let began = context.monotonic();
        for _ in 0..self.pairs {
            if context.since(began) >= self.within {
                break;
            }
            context.sleep(PAUSE).await;
            CutOver.back(context).await?;
            context.sleep(PAUSE).await;
            CutOver.again(context).await?;
        }
        context.sleep(PAUSE).await;
        Ok(())
    }

    async fn undo(&self, _: &Context) -> Result<Undone, PhaseError> {
        Ok(Undone::Completely)
    }
}

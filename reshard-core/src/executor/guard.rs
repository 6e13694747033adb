//! The guard: it keeps a write block, and an urgent phase that is half done, from outliving their executor.

use std::error::Error as StdError;

use async_trait::async_trait;

use super::Executor;
use crate::hint::{Operation, hint};
use crate::journal::EntryKind;
use crate::phase::{Context, PhaseError};

/// Stands by while writes are refused, or an urgent phase is run, and calls [`Executor::rescue`] if the executor is gone: another process, that is, which
/// the executor's has started.
#[async_trait]
pub trait Guard: Send + Sync {
    /// Returns when it stands by; asked again before every such phase, with the executor's session with ZooKeeper.
    ///
    /// # Errors
    ///
    /// The reason that it cannot: then neither is begun.
    async fn stand_by(&self, session: i64) -> Result<(), Box<dyn StdError + Send + Sync>>;
}

impl Executor {
    /// Sees that the guard stands by. Without it neither a write block nor an urgent phase begins, but what was begun is brought to
    /// its end, or back.
    pub(super) async fn stand_by(&self, context: &Context) -> Result<(), PhaseError> {
        let Some(guard) = &self.guard else { return Ok(()) };
        let Err(source) = guard.stand_by(context.deployment().session().id()).await else {
            return Ok(());
        };
        let what =
            "no watchdog stands by in case this executor dies while writes are refused or wait";
        let trouble = PhaseError::Hold {
            what: what.to_owned(),
            remedy: hint!("see why it does not start; then ", Operation::Resume),
            source: Some(source),
        };
        if !context.undoing && !self.needs_rescue().await? {
            return Err(trouble);
        }
        context.log(EntryKind::Trouble, trouble.with_causes()).await
    }
}

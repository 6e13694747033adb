//! The guard: it keeps a write block from outliving its executor.

use std::error::Error as StdError;

use async_trait::async_trait;

use super::Executor;
use crate::hint::{Operation, hint};
use crate::journal::EntryKind;
use crate::phase::{Context, PhaseError};

/// Stands by while writes are refused, and calls [`Executor::rescue`] if the executor is gone: another process, that is, which
/// the executor's has started.
#[async_trait]
pub trait Guard: Send + Sync {
    /// Returns when it stands by; asked again before every phase of the write block, with the executor's session with ZooKeeper.
    ///
    /// # Errors
    ///
    /// The reason that it cannot: then no write block is begun.
    async fn stand_by(&self, session: i64) -> Result<(), Box<dyn StdError + Send + Sync>>;
}

impl Executor {
    /// Sees that the guard stands by. Without it no write block begins, but one that lasts already is brought to its end.
    pub(super) async fn stand_by(&self, context: &Context) -> Result<(), PhaseError> {
        let Some(guard) = &self.guard else { return Ok(()) };
        let Err(source) = guard.stand_by(context.deployment().session().id()).await else {
            return Ok(());
        };
        let what = "no watchdog stands by in case this executor dies while writes are refused";
        let trouble = PhaseError::Hold {
            what: what.to_owned(),
            remedy: hint!("see why it does not start; then ", Operation::Resume),
            source: Some(source),
        };
        if self.open_write_block().await?.is_none() {
            return Err(trouble);
        }
        context.log(EntryKind::Trouble, trouble.with_causes()).await
    }
}

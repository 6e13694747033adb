//! Noting when writes to the moving vnodes are refused, and when they are accepted again.

use std::time::Duration;

use super::Executor;
use crate::clock::TimeSpan;
use crate::journal::{Journal, JournalError};
use crate::phase::WriteBlockRecord;
use crate::phase::facts::{WRITE_BLOCK, WRITE_BLOCKS};

/// The write block that lasts, if writes are refused.
pub(super) async fn open(store: &dyn Journal) -> Result<Option<WriteBlockRecord>, JournalError> {
    let last = store.get(&WRITE_BLOCK).await?;
    Ok(last.filter(|record| !record.time.is_over()))
}

impl Executor {
    /// The write block that lasts, if writes are refused.
    pub(super) async fn open_write_block(&self) -> Result<Option<WriteBlockRecord>, JournalError> {
        open(&*self.store).await
    }

    /// Notes that writes may be refused from now on, unless they are already.
    pub(super) async fn begin_write_block(&self) -> Result<bool, JournalError> {
        if self.open_write_block().await?.is_some() {
            return Ok(false);
        }
        let record = WriteBlockRecord { time: TimeSpan::begin(&*self.clock), moved: false };
        self.journal().put(&WRITE_BLOCK, &record).await?;
        Ok(true)
    }

    /// Notes that writes are accepted again. Tells for how long they did not, if they did not.
    pub(super) async fn end_write_block(
        &self,
        moved: bool,
    ) -> Result<Option<Duration>, JournalError> {
        let Some(open) = self.open_write_block().await? else {
            return Ok(None);
        };
        let record = WriteBlockRecord { time: open.time.end(&*self.clock), moved };
        let mut all = self.journal().get(&WRITE_BLOCKS).await?.unwrap_or_default();
        all.push(record.clone());
        self.journal().put(&WRITE_BLOCKS, &all).await?;
        self.journal().put(&WRITE_BLOCK, &record).await?;
        Ok(record.time.took())
    }
}

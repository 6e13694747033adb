//! The write block that lasts now, for those who only read the journal.

use std::time::Duration;

use super::way_back::past_pivot;
use super::write_block;
use crate::clock::Clock;
use crate::journal::{Journal, JournalError};
use crate::phase::Sequence;
use crate::plan::Plan;

/// An interval in which writes to the moving vnodes are refused, and which is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenWriteBlock {
    /// For how long they have been refused.
    pub lasts: Duration,
    /// The most that the plan's executor still lets that last, the way back included, if one is there. Absent once there is no
    /// way back: then it lasts until the new ring is in place everywhere.
    pub left: Option<Duration>,
}

impl OpenWriteBlock {
    /// The write block of a plan, if writes are refused as far as its journal tells.
    ///
    /// # Errors
    ///
    /// [`JournalError`]
    pub async fn of(
        store: &dyn Journal,
        plan: &Plan,
        sequence: &Sequence,
        clock: &dyn Clock,
    ) -> Result<Option<Self>, JournalError> {
        let Some(record) = write_block::open(store).await? else { return Ok(None) };
        let lasts = record.time.lasts(clock);
        let allowed = plan.budget(store.controls().await?.tuning.budget_seconds);
        let is_final = past_pivot(store, sequence).await?.is_some();
        Ok(Some(Self { lasts, left: (!is_final).then(|| allowed.saturating_sub(lasts)) }))
    }
}

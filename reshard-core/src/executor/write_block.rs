//! The interval in which writes to the moving vnodes are refused: when it began, how long it may last, when it ended.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Executor;
use crate::clock::{Clock, Reading, elapsed, millis};
use crate::journal::{Journal, JournalError};

/// The fact with the current or last [`WriteBlockRecord`].
pub(crate) const WRITE_BLOCK: &str = "write-block";
/// The fact with all that are over.
pub(crate) const WRITE_BLOCKS: &str = "write-blocks";

/// An interval in which writes were refused, as the executor measured it: from before the first router was changed to after
/// the last one was changed back or to the new ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteBlockRecord {
    /// Before the first router was changed.
    pub began: Timestamp,
    /// The same by the clock that nobody sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_reading: Option<Reading>,
    /// After the last one; absent while it lasts.
    pub ended: Option<Timestamp>,
    /// The time that it lasted, in milliseconds, by the clock that nobody sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_millis: Option<u64>,
    /// True if the vnodes were at their new owners then, false if everything was as before.
    pub moved: bool,
}

impl WriteBlockRecord {
    /// The time that it lasted, if it is over.
    pub fn took(&self) -> Option<Duration> {
        let by_wall_clock = || self.ended.map(|ended| elapsed(ended, self.began));
        self.took_millis.map(Duration::from_millis).or_else(by_wall_clock)
    }

    /// The time that it has lasted so far.
    pub(crate) fn lasts(&self, clock: &dyn Clock) -> Duration {
        clock.since_began(self.began, self.began_reading.as_ref())
    }
}

/// The write block that lasts, if writes are refused.
pub(super) async fn open(store: &dyn Journal) -> Result<Option<WriteBlockRecord>, JournalError> {
    let last: Option<WriteBlockRecord> = store.remembered(WRITE_BLOCK).await?;
    Ok(last.filter(|record| record.ended.is_none()))
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
        let record = WriteBlockRecord {
            began: self.clock.now(),
            began_reading: Some(Reading::now(&*self.clock)),
            ended: None,
            took_millis: None,
            moved: false,
        };
        self.journal().remember(WRITE_BLOCK, &record).await?;
        Ok(true)
    }

    /// Notes that writes are accepted again. Tells for how long they did not, if they did not.
    pub(super) async fn end_write_block(
        &self,
        moved: bool,
    ) -> Result<Option<Duration>, JournalError> {
        let Some(mut record) = self.open_write_block().await? else {
            return Ok(None);
        };
        record.ended = Some(self.clock.now());
        record.took_millis = Some(millis(record.lasts(&*self.clock)));
        record.moved = moved;
        let took = record.took();
        let mut all: Vec<WriteBlockRecord> =
            self.journal().remembered(WRITE_BLOCKS).await?.unwrap_or_default();
        all.push(record.clone());
        self.journal().remember(WRITE_BLOCKS, &all).await?;
        self.journal().remember(WRITE_BLOCK, &record).await?;
        Ok(took)
    }
}

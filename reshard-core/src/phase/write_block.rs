//! The interval in which writes to the moving vnodes are refused, as it is recorded: when it began and when it ended.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::{Clock, Reading, elapsed};

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

//! The interval in which writes to the moving vnodes are refused, as it is recorded: when it began and when it ended.

use serde::{Deserialize, Serialize};

use crate::clock::TimeSpan;

/// An interval in which writes were refused, as the executor measured it: from before the first router was changed to after
/// the last one was changed back or to the new ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteBlockRecord {
    /// From before the first router was changed to after the last one.
    #[serde(flatten)]
    pub time: TimeSpan,
    /// True if the vnodes were at their new owners then, false if everything was as before.
    pub moved: bool,
}

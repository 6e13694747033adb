//! The way in which vnodes are cut over.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::guard::{FenceOptions, Patience, SealOptions};

/// Half a second at most: whoever holds the lock for longer is not waited for while requests wait.
const PATIENCE: Patience = Patience { attempts: 4, ..Patience::FOR_WRITERS };

/// The fate of requests during a cutover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// They wait in the Morays of the moving name.
    #[default]
    Queue,
    /// Writes of the moving vnodes are refused, and reads go on.
    Refuse,
}

/// The limits of a cutover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutoverOptions {
    /// The fate of requests meanwhile. Default [`Way::Queue`].
    pub way: Way,
    /// The time from the gate, or else the fence, after which it is given up unless the source is sealed. Default 1 s.
    pub budget: Duration,
    /// The longest wait for the Morays' requests at the source to end. Default 300 ms.
    pub quiet_within: Duration,
    /// The time left of the budget that sealing, opening and switching are given: with less, nothing is sealed. Default 200 ms.
    pub margin: Duration,
    /// The longest wait for each Moray to be at the target, once it is open. Default 5 s.
    pub confirm_within: Duration,
    /// The advance of the target's sequences. Default 1,000.
    pub sequence_margin: u32,
}

impl Default for CutoverOptions {
    fn default() -> Self {
        Self {
            way: Way::Queue,
            budget: Duration::from_secs(1),
            quiet_within: Duration::from_millis(300),
            margin: Duration::from_millis(200),
            confirm_within: Duration::from_secs(5),
            sequence_margin: 1_000,
        }
    }
}

impl CutoverOptions {
    /// The time-out of the gate's session. Not shorter than a fence can last, or the requests that waited would find it.
    pub(super) fn gate_timeout(&self) -> Duration {
        2 * self.budget
    }

    pub(super) fn seal(&self) -> SealOptions {
        SealOptions { margin: self.margin, patience: PATIENCE }
    }
}

/// The fence that falls after so long.
pub(super) fn fence(budget: Duration) -> FenceOptions {
    FenceOptions { budget, patience: PATIENCE }
}

//! What an execution tells those who watch it.

use std::time::Duration;

use crate::journal::{Activity, Entry};

/// Something that happened, or is going on.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A phase begins; `attempt` counts from 1.
    PhaseBegan {
        /// The phase.
        phase: &'static str,
        /// How often it was begun.
        attempt: u32,
    },
    /// A phase is done.
    PhaseDone {
        /// The phase.
        phase: &'static str,
        /// How long it took since it was first begun.
        took: Duration,
    },
    /// A phase was taken back.
    PhaseUndone {
        /// The phase.
        phase: &'static str,
    },
    /// From here on writes to the moving vnodes are refused.
    WriteBlockBegan {
        /// How long that may last.
        budget: Duration,
    },
    /// Writes flow again.
    WriteBlockEnded {
        /// How long they were refused.
        took: Duration,
        /// Whether the vnodes are at their new owners, or everything is as before.
        moved: bool,
    },
    /// What is done or waited for this moment; comes often, and is not logged.
    Activity(Activity),
    /// A line of the log.
    Logged(Entry),
}

/// Receives events. It is called while the plan runs, so it shall return at once.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn observe(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync> Observer for F {
    fn observe(&self, event: &Event) {
        self(event);
    }
}

//! The events that an execution tells those who watch it.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::journal::{Activity, Entry};

/// Something that happened, or is going on. As JSON: `{"event": "phase-done", "phase": …, "took_seconds": …}`, with all
/// durations in seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// A phase begins; `attempt` counts from 1.
    PhaseBegan {
        /// The phase.
        phase: &'static str,
        /// The number of times that it was begun.
        attempt: u32,
    },
    /// A phase is done.
    PhaseDone {
        /// The phase.
        phase: &'static str,
        /// The time that it took since it was first begun.
        #[serde(rename = "took_seconds", serialize_with = "seconds")]
        took: Duration,
    },
    /// A phase was rolled back.
    PhaseUndone {
        /// The phase.
        phase: &'static str,
    },
    /// From here on writes to the moving vnodes are refused.
    WriteBlockBegan {
        /// The longest that it may last.
        #[serde(rename = "budget_seconds", serialize_with = "seconds")]
        budget: Duration,
    },
    /// Writes are accepted again.
    WriteBlockEnded {
        /// The time for which they were refused.
        #[serde(rename = "took_seconds", serialize_with = "seconds")]
        took: Duration,
        /// True if the vnodes are at their new owners, false if everything is as before.
        moved: bool,
    },
    /// The activity of this moment, done or waited for; comes often, and is not logged.
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

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::journal::EntryKind;

    #[test]
    fn the_documents_of_events() {
        let took = Duration::from_millis(1500);
        let at = Timestamp::UNIX_EPOCH;
        let entry = Entry { at, phase: "drain".into(), kind: EntryKind::Note, text: "t".into() };
        let (phase, what) = ("drain".to_owned(), "w".to_owned());
        let activity = Activity { phase, what, since: at, hint: None, progress: None };
        for (event, document) in [
            (
                Event::PhaseBegan { phase: "drain", attempt: 2 },
                json!({"event": "phase-began", "phase": "drain", "attempt": 2}),
            ),
            (
                Event::PhaseDone { phase: "drain", took },
                json!({"event": "phase-done", "phase": "drain", "took_seconds": 1.5}),
            ),
            (
                Event::PhaseUndone { phase: "drain" },
                json!({"event": "phase-undone", "phase": "drain"}),
            ),
            (
                Event::WriteBlockBegan { budget: took },
                json!({"event": "write-block-began", "budget_seconds": 1.5}),
            ),
            (
                Event::WriteBlockEnded { took, moved: true },
                json!({"event": "write-block-ended", "took_seconds": 1.5, "moved": true}),
            ),
            (
                Event::Activity(activity),
                json!({"event": "activity", "phase": "drain", "what": "w", "since": at,
                       "hint": null, "progress": null}),
            ),
            (
                Event::Logged(entry),
                json!({"event": "logged", "at": at, "phase": "drain", "kind": "note", "text": "t"}),
            ),
        ] {
            assert_eq!(json!(event), document);
        }
    }
}

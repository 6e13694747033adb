//! The record of a cutover, for the journal and the report.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::options::Way;

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// The vnodes are the target's.
    Done,
    /// It was a rehearsal: everything up to the seal was done, and taken back.
    Rehearsed,
    /// It was given up before the seal: nothing has happened.
    LetGo {
        /// The step in which that was.
        step: String,
        /// The reason.
        why: String,
    },
}

/// A step of a cutover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Its name.
    pub name: String,
    /// The time from the beginning of the attempt to its beginning, in microseconds.
    pub began_micros: u64,
    /// Its length in microseconds.
    pub took_micros: u64,
}

/// An attempt to cut over: what it did, and how long each step took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutoverRecord {
    /// The fate of requests meanwhile.
    pub way: Way,
    /// The time at which it began.
    pub began: Timestamp,
    /// The end.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The steps, in order; the last of an attempt that was given up is the one that failed.
    pub steps: Vec<StepRecord>,
    /// The entries of the log that were replayed behind the fence.
    pub drained: u64,
    /// The keys that were compared behind the fence.
    pub compared: u64,
    /// The attempts that the fence needed.
    pub fence_attempts: u32,
}

impl CutoverRecord {
    pub(super) fn new(way: Way) -> Self {
        Self {
            way,
            began: Timestamp::now(),
            verdict: Verdict::Done,
            steps: Vec::new(),
            drained: 0,
            compared: 0,
            fence_attempts: 0,
        }
    }

    /// A step, if it was begun.
    pub fn step(&self, name: &str) -> Option<&StepRecord> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// The time for which requests of the moving name waited, or writes of the moving vnodes were refused: from the beginning of
    /// the gate, or else of the fence, to the end of the switch and of opening, or to where it was let go.
    pub fn block(&self) -> Option<Duration> {
        let first = self.step("gate").or_else(|| self.step("fence"))?;
        let ends = |name| self.step(name).map(|step| step.began_micros + step.took_micros);
        let last = ["switch", "open", "let go"].into_iter().filter_map(ends).max()?;
        Some(Duration::from_micros(last.saturating_sub(first.began_micros)))
    }
}

//! The memory of a plan's execution: which phases are done, what is being attempted, what was found out, what the
//! operator wants. Everything that can be read back from the deployment is read back and not remembered.

mod controls;
mod error;
mod fact;
#[cfg(feature = "sim")]
mod memory;
mod presence;
mod sqlite;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use self::controls::BUDGET;
pub use self::controls::{
    Approval, Controls, ControlsChange, SETTINGS, Setting, SettingError, Tuning,
};
pub use self::error::JournalError;
pub use self::fact::{Fact, FactOf};
#[cfg(feature = "sim")]
pub use self::memory::MemoryJournal;
pub(crate) use self::presence::HEARTBEAT;
pub use self::presence::{Liveness, Presence};
pub use self::sqlite::SqliteJournal;
use crate::clock::TimeSpan;
use crate::hint::Hint;
use crate::plan::ValidPlan;

/// The store of one plan's journal. Every write is durable when it returns.
///
/// Other processes read and write the same store meanwhile: `status` reads, `pause`, `abort` and `tune` write controls.
///
/// An executor claims the store before it writes: see [`Journal::claim`].
///
/// # Errors
///
/// Every call fails with [`JournalError`] where the store cannot be read or written, or has something else in it.
#[async_trait]
pub trait Journal: Send + Sync {
    /// The plan.
    async fn plan(&self) -> Result<ValidPlan, JournalError>;

    /// Its place, for people: the file's whole path.
    fn place(&self) -> String;

    /// A directory for what the plan makes on this machine, such as rings. It need not exist, and whatever is in it can be
    /// made again.
    fn work_directory(&self) -> PathBuf;

    /// Sets how long a call may wait for others that have the store; `None` for the store's own limit.
    fn set_patience(&self, _: Option<Duration>) {}

    /// The state of the plan.
    async fn state(&self) -> Result<PlanState, JournalError>;
    /// Writes what became of the plan.
    async fn set_state(&self, state: &PlanState) -> Result<(), JournalError>;

    /// Every phase that was ever begun, by name.
    async fn phases(&self) -> Result<BTreeMap<String, PhaseRecord>, JournalError>;
    /// Writes a phase.
    async fn set_phase(&self, name: &str, record: &PhaseRecord) -> Result<(), JournalError>;

    /// Something that was found out or decided.
    async fn fact(&self, key: &str) -> Result<Option<Value>, JournalError>;
    /// Writes or forgets it.
    async fn set_fact(&self, key: &str, value: Option<&Value>) -> Result<(), JournalError>;
    /// All of them.
    async fn facts(&self) -> Result<BTreeMap<String, Value>, JournalError>;

    /// The operator's wishes.
    async fn controls(&self) -> Result<Controls, JournalError>;
    /// Changes what the operator wants, and returns what that is then. Reading, changing and writing are one transaction: what
    /// others change at the same time is not lost. The change may be asked for again if it was not written.
    async fn update_controls(
        &self,
        change: &mut ControlsChange<'_>,
    ) -> Result<Controls, JournalError>;

    /// The activity of this moment, replaced by the next.
    async fn activity(&self) -> Result<Option<Activity>, JournalError>;
    /// Writes what is going on this moment.
    async fn set_activity(&self, activity: Option<&Activity>) -> Result<(), JournalError>;

    /// Makes an executor the only one that writes: from then on all that others write through stores on which they claimed it
    /// with a lower token is refused. Fails itself if somebody claimed it with as high a token, other than in the same session.
    ///
    /// # Errors
    ///
    /// [`JournalError::Overtaken`], here and from whatever writes.
    async fn claim(&self, executor: &Presence) -> Result<(), JournalError>;
    /// The executor that claimed it last.
    async fn presence(&self) -> Result<Option<Presence>, JournalError>;
    /// Writes that the executor which claimed this store is alive, or, with `leaves`, that it leaves in order.
    async fn beat(&self, at: Timestamp, leaves: bool) -> Result<(), JournalError>;

    /// Adds to the log; its number counts up from 1. Together with it goes what is going on from now on, if that is told.
    async fn append(&self, entry: &Entry, activity: Option<&Activity>)
    -> Result<u64, JournalError>;
    /// The number of entries that the log has on the disk: as many as it knows after a crash.
    async fn entries(&self) -> Result<u64, JournalError>;
    /// The log after the entry of this number; 0 for all of it.
    async fn log_after(&self, number: u64) -> Result<Vec<(u64, Entry)>, JournalError>;
}

/// The state of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum PlanState {
    /// Nothing was done yet.
    Planned,
    /// An executor is, or was when it died, carrying it out.
    Running,
    /// The operator stopped it.
    Paused,
    /// It needs the operator.
    Held {
        /// The phase in which it stopped.
        phase: String,
        /// The problem.
        what: String,
        /// The remedy.
        remedy: Hint,
    },
    /// It is being rolled back.
    Aborting,
    /// It was rolled back.
    Aborted,
    /// It is done.
    Done,
}

/// A phase in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseRecord {
    /// Its state.
    pub state: PhaseState,
    /// From when it was first begun to when it was done or undone.
    #[serde(flatten)]
    pub time: TimeSpan,
    /// The number of times that it was begun.
    pub attempts: u32,
}

/// The state of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseState {
    /// It was begun: what it does may be there wholly, partly or not at all.
    Begun,
    /// It is done.
    Done,
    /// Undoing it was begun.
    Undoing,
    /// It was rolled back.
    Undone,
}

impl PlanState {
    /// Tells whether the plan is done or was rolled back: nothing is left to do.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Done | Self::Aborted)
    }
}

impl PhaseState {
    /// Tells whether something of the phase may be there.
    pub fn may_have_effects(self) -> bool {
        self != Self::Undone
    }
}

/// The activity of this moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// The phase.
    pub phase: String,
    /// The thing that it does or waits for.
    pub what: String,
    /// Since when.
    pub since: Timestamp,
    /// The thing that the operator can do about it, if anything.
    #[serde(rename = "you_can")]
    pub hint: Option<Hint>,
    /// Its progress: done, of how many, of what.
    pub progress: Option<Progress>,
}

/// The progress of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// So much is done.
    pub done: u64,
    /// Of so much.
    pub total: u64,
    /// Of what: `bytes`, `rows`, `routers`.
    pub unit: String,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The time.
    pub at: Timestamp,
    /// In which phase; empty outside of phases.
    pub phase: String,
    /// The kind of the line.
    pub kind: EntryKind,
    /// The event, in words.
    pub text: Hint,
}

/// The kind of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// A phase or the whole plan began, ended, paused and the like.
    Stage,
    /// Something is going to be changed.
    Intent,
    /// It was changed, or was so already.
    Outcome,
    /// Something worth knowing.
    Note,
    /// Something went wrong, and is tried again.
    Trouble,
    /// Something went wrong, and the operator is needed.
    Hold,
}

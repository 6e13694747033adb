//! The journal, with a copy in memory of all that counts while writes are refused: if it cannot be written then, the way back
//! goes on without it.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::journal::{
    Activity, Controls, ControlsChange, Entry, Journal, JournalError, PhaseRecord, PlanState,
    Presence,
};
use crate::plan::ValidPlan;

/// A store over another one. As long as it has no copy it only passes on what it is asked.
pub(super) struct Mirror {
    file: Arc<dyn Journal>,
    copy: Mutex<Option<Kept>>,
}

/// The contents that the file has, or should have.
struct Kept {
    plan: ValidPlan,
    state: PlanState,
    phases: BTreeMap<String, PhaseRecord>,
    facts: BTreeMap<String, Value>,
    controls: Controls,
    activity: Option<Activity>,
    /// The number of the log's last entry in the file.
    last: u64,
    /// The executor that has claimed the file.
    presence: Option<Presence>,
    /// True to go on without a file that cannot be written.
    may_do_without: bool,
    /// The writes that the file lacks, in order.
    missing: VecDeque<Write>,
}

/// The longest that a call may wait for others that have the file: writes are refused meanwhile.
const PATIENCE: Duration = Duration::from_secs(1);

/// A write to a journal.
enum Write {
    State(PlanState),
    Phase(String, PhaseRecord),
    Fact(String, Option<Value>),
    Activity(Option<Activity>),
    Claim(Presence),
    Append(Entry, Option<Activity>),
}

impl Write {
    /// Returns the number of an entry that is added, and 0 for anything else.
    async fn to_file(&self, file: &dyn Journal) -> Result<u64, JournalError> {
        match self {
            Self::State(state) => file.set_state(state).await?,
            Self::Phase(name, record) => file.set_phase(name, record).await?,
            Self::Fact(key, value) => file.set_fact(key, value.as_ref()).await?,
            Self::Activity(activity) => file.set_activity(activity.as_ref()).await?,
            Self::Claim(executor) => file.claim(executor).await?,
            Self::Append(entry, activity) => return file.append(entry, activity.as_ref()).await,
        }
        Ok(0)
    }

    /// `answer` is the file's, if it took the write.
    fn to_copy(&self, copy: &mut Kept, answer: Option<u64>) {
        match self {
            Self::State(state) => copy.state = state.clone(),
            Self::Phase(name, record) => {
                copy.phases.insert(name.clone(), record.clone());
            }
            Self::Fact(key, Some(value)) => {
                copy.facts.insert(key.clone(), value.clone());
            }
            Self::Fact(key, None) => {
                copy.facts.remove(key);
            }
            Self::Activity(activity) => copy.activity.clone_from(activity),
            // A claim that the file could not take is not told of: whoever reads the file does not see it there.
            Self::Claim(executor) => {
                if answer.is_some() {
                    copy.presence = Some(executor.clone());
                }
            }
            Self::Append(_, activity) => {
                copy.activity = activity.clone().or(copy.activity.take());
                copy.last = answer.unwrap_or(copy.last);
            }
        }
    }
}

impl Mirror {
    pub(super) fn of(file: Arc<dyn Journal>) -> Self {
        Self { file, copy: Mutex::new(None) }
    }

    /// Reads everything, so that it is there when the file is not. From now on what the file cannot tell the copy does.
    pub(super) async fn keep_copy(&self) -> Result<(), JournalError> {
        let mut copy = self.copy.lock().await;
        if copy.is_some() {
            return Ok(());
        }
        let file = &self.file;
        file.set_patience(Some(PATIENCE));
        *copy = Some(Kept {
            plan: file.plan().await?,
            state: file.state().await?,
            phases: file.phases().await?,
            facts: file.facts().await?,
            controls: file.controls().await?,
            activity: file.activity().await?,
            last: file.entries().await?,
            presence: file.presence().await?,
            may_do_without: false,
            missing: VecDeque::new(),
        });
        Ok(())
    }

    /// Has the copy go, if the file lacks nothing of it: writes are accepted.
    pub(super) async fn forget_copy(&self) {
        let mut copy = self.copy.lock().await;
        if copy.as_ref().is_some_and(|copy| copy.missing.is_empty()) {
            *copy = None;
            self.file.set_patience(None);
        }
    }

    /// From now on what the file does not take is kept in the copy, if there is one.
    pub(super) async fn do_without(&self, may: bool) {
        if let Some(copy) = &mut *self.copy.lock().await {
            copy.may_do_without = may;
        }
    }

    /// Tells whether there is a copy that can take the place of a store that fails in this way.
    pub(super) async fn can_do_without(&self, error: &JournalError) -> bool {
        is_out_of_reach(error) && self.copy.lock().await.is_some()
    }

    /// The number of writes that the file lacks.
    pub(super) async fn missing(&self) -> usize {
        self.copy.lock().await.as_ref().map_or(0, |copy| copy.missing.len())
    }

    /// Writes to the file what it lacks, in order, as far as it takes it.
    pub(super) async fn write_back(&self) -> Result<(), JournalError> {
        let mut copy = self.copy.lock().await;
        let Some(copy) = &mut *copy else { return Ok(()) };
        while let Some(write) = copy.missing.front() {
            write.to_file(&*self.file).await?;
            copy.missing.pop_front();
        }
        // What is told of the file while it is out of reach must not be less than what was told before.
        copy.last = self.file.entries().await?;
        copy.presence = self.file.presence().await?;
        Ok(())
    }

    /// Writes to the file and to the copy; to the copy alone if the file lacks something already, or if it may do without.
    /// Returns the number of an entry that is added; of one that the file could not take it is that of its last one: nobody
    /// shall miss it there.
    async fn write(&self, write: Write) -> Result<u64, JournalError> {
        let mut copy = self.copy.lock().await;
        let Some(copy) = &mut *copy else { return write.to_file(&*self.file).await };
        if copy.missing.is_empty() {
            match write.to_file(&*self.file).await {
                Ok(answer) => {
                    write.to_copy(copy, Some(answer));
                    return Ok(answer);
                }
                Err(error) if copy.may_do_without && is_out_of_reach(&error) => {
                    tracing::warn!(%error, "the journal is kept in memory");
                }
                Err(error) => return Err(error),
            }
        }
        write.to_copy(copy, None);
        copy.missing.push_back(write);
        Ok(copy.last)
    }

    /// Reads from the file, or from the copy if the file is out of reach or lacks something.
    async fn read<T>(
        &self,
        from_file: impl Future<Output = Result<T, JournalError>>,
        from_copy: impl FnOnce(&Kept) -> T,
    ) -> Result<T, JournalError> {
        let copy = self.copy.lock().await;
        let Some(copy) = &*copy else { return from_file.await };
        if !copy.missing.is_empty() {
            return Ok(from_copy(copy));
        }
        match from_file.await {
            Err(error) if is_out_of_reach(&error) => Ok(from_copy(copy)),
            read => read,
        }
    }
}

/// Tells whether the file cannot be read or written now: other than one that is damaged, or is another executor's by now.
fn is_out_of_reach(error: &JournalError) -> bool {
    matches!(
        error,
        JournalError::Database { .. } | JournalError::Locked { .. } | JournalError::Io { .. }
    )
}

#[async_trait]
impl Journal for Mirror {
    async fn plan(&self) -> Result<ValidPlan, JournalError> {
        self.read(self.file.plan(), |copy| copy.plan.clone()).await
    }

    fn place(&self) -> String {
        self.file.place()
    }

    fn work_directory(&self) -> PathBuf {
        self.file.work_directory()
    }

    fn set_patience(&self, patience: Option<Duration>) {
        self.file.set_patience(patience);
    }

    async fn state(&self) -> Result<PlanState, JournalError> {
        self.read(self.file.state(), |copy| copy.state.clone()).await
    }

    async fn set_state(&self, state: &PlanState) -> Result<(), JournalError> {
        self.write(Write::State(state.clone())).await.map(drop)
    }

    async fn phases(&self) -> Result<BTreeMap<String, PhaseRecord>, JournalError> {
        self.read(self.file.phases(), |copy| copy.phases.clone()).await
    }

    async fn set_phase(&self, name: &str, record: &PhaseRecord) -> Result<(), JournalError> {
        self.write(Write::Phase(name.to_owned(), record.clone())).await.map(drop)
    }

    async fn fact(&self, key: &str) -> Result<Option<Value>, JournalError> {
        self.read(self.file.fact(key), |copy| copy.facts.get(key).cloned()).await
    }

    async fn set_fact(&self, key: &str, value: Option<&Value>) -> Result<(), JournalError> {
        self.write(Write::Fact(key.to_owned(), value.cloned())).await.map(drop)
    }

    async fn facts(&self) -> Result<BTreeMap<String, Value>, JournalError> {
        self.read(self.file.facts(), |copy| copy.facts.clone()).await
    }

    async fn controls(&self) -> Result<Controls, JournalError> {
        self.read(self.file.controls(), |copy| copy.controls.clone()).await
    }

    async fn update_controls(
        &self,
        change: &mut ControlsChange<'_>,
    ) -> Result<Controls, JournalError> {
        let mut copy = self.copy.lock().await;
        let Some(copy) = &mut *copy else { return self.file.update_controls(change).await };
        match self.file.update_controls(change).await {
            Ok(controls) => copy.controls = controls,
            // What an executor changes of them is that a wish is over: it is asked for again after this.
            Err(error) if copy.may_do_without && is_out_of_reach(&error) => {
                change(&mut copy.controls);
            }
            Err(error) => return Err(error),
        }
        Ok(copy.controls.clone())
    }

    async fn activity(&self) -> Result<Option<Activity>, JournalError> {
        self.read(self.file.activity(), |copy| copy.activity.clone()).await
    }

    async fn set_activity(&self, activity: Option<&Activity>) -> Result<(), JournalError> {
        self.write(Write::Activity(activity.cloned())).await.map(drop)
    }

    async fn claim(&self, executor: &Presence) -> Result<(), JournalError> {
        self.write(Write::Claim(executor.clone())).await.map(drop)
    }

    async fn presence(&self) -> Result<Option<Presence>, JournalError> {
        self.read(self.file.presence(), |copy| copy.presence.clone()).await
    }

    async fn beat(&self, at: Timestamp, leaves: bool) -> Result<(), JournalError> {
        self.file.beat(at, leaves).await
    }

    async fn append(
        &self,
        entry: &Entry,
        activity: Option<&Activity>,
    ) -> Result<u64, JournalError> {
        self.write(Write::Append(entry.clone(), activity.cloned())).await
    }

    /// Of entries that the file could not take nothing is told: the file would pass for an older copy of itself.
    async fn entries(&self) -> Result<u64, JournalError> {
        self.read(self.file.entries(), |copy| copy.last).await
    }

    async fn log_after(&self, number: u64) -> Result<Vec<(u64, Entry)>, JournalError> {
        self.read(self.file.log_after(number), |_| Vec::new()).await
    }
}

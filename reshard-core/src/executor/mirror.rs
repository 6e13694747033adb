//! The journal, with a copy in memory of all that counts while writes are refused: if it cannot be written then, the way back
//! goes on without it.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::journal::{
    Activity, Controls, Entry, PhaseRecord, PlanState, Presence, Store, StoreError,
};
use crate::plan::ValidPlan;

/// A store over another one. As long as it has no copy it only passes on what it is asked.
pub(super) struct Mirror {
    file: Arc<dyn Store>,
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

type Write = Box<dyn Fn(&dyn Store) -> Result<(), StoreError> + Send>;

impl Mirror {
    pub(super) fn of(file: Arc<dyn Store>) -> Self {
        Self { file, copy: Mutex::new(None) }
    }

    fn copy(&self) -> MutexGuard<'_, Option<Kept>> {
        self.copy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads everything, so that it is there when the file is not. From now on what the file cannot tell the copy does.
    pub(super) fn keep_copy(&self) -> Result<(), StoreError> {
        let mut copy = self.copy();
        if copy.is_some() {
            return Ok(());
        }
        let file = &self.file;
        file.set_patience(Some(PATIENCE));
        *copy = Some(Kept {
            plan: file.plan()?,
            state: file.state()?,
            phases: file.phases()?,
            facts: file.facts()?,
            controls: file.controls()?,
            activity: file.activity()?,
            last: file.entries()?,
            presence: file.presence()?,
            may_do_without: false,
            missing: VecDeque::new(),
        });
        Ok(())
    }

    /// Has the copy go, if the file lacks nothing of it: writes are accepted.
    pub(super) fn forget_copy(&self) {
        let mut copy = self.copy();
        if copy.as_ref().is_some_and(|copy| copy.missing.is_empty()) {
            *copy = None;
            self.file.set_patience(None);
        }
    }

    /// From now on what the file does not take is kept in the copy, if there is one.
    pub(super) fn do_without(&self, may: bool) {
        if let Some(copy) = &mut *self.copy() {
            copy.may_do_without = may;
        }
    }

    /// Tells whether there is a copy that can take the place of a store that fails in this way.
    pub(super) fn can_do_without(&self, error: &StoreError) -> bool {
        is_out_of_reach(error) && self.copy().is_some()
    }

    /// The number of writes that the file lacks.
    pub(super) fn missing(&self) -> usize {
        self.copy().as_ref().map_or(0, |copy| copy.missing.len())
    }

    /// Writes to the file what it lacks, in order, as far as it takes it.
    pub(super) fn write_back(&self) -> Result<(), StoreError> {
        let mut copy = self.copy();
        let Some(copy) = &mut *copy else { return Ok(()) };
        while let Some(write) = copy.missing.front() {
            write(&*self.file)?;
            copy.missing.pop_front();
        }
        // What is told of the file while it is out of reach must not be less than what was told before.
        copy.last = self.file.entries()?;
        copy.presence = self.file.presence()?;
        Ok(())
    }

    /// Writes to the file and to the copy; to the copy alone if the file lacks something already, or if it may do without. The
    /// copy is told what the file answered.
    fn write<T>(
        &self,
        to_file: impl Fn(&dyn Store) -> Result<T, StoreError> + Send + 'static,
        to_copy: impl FnOnce(&mut Kept, Option<T>) -> T,
    ) -> Result<T, StoreError> {
        let mut copy = self.copy();
        let Some(copy) = &mut *copy else { return to_file(&*self.file) };
        if copy.missing.is_empty() {
            match to_file(&*self.file) {
                Ok(answer) => return Ok(to_copy(copy, Some(answer))),
                Err(error) if copy.may_do_without && is_out_of_reach(&error) => {
                    tracing::warn!(%error, "the journal is kept in memory");
                }
                Err(error) => return Err(error),
            }
        }
        copy.missing.push_back(Box::new(move |file| to_file(file).map(drop)));
        Ok(to_copy(copy, None))
    }

    /// Reads from the file, or from the copy if the file is out of reach or lacks something.
    fn read<T>(
        &self,
        from_file: impl FnOnce(&dyn Store) -> Result<T, StoreError>,
        from_copy: impl FnOnce(&Kept) -> T,
    ) -> Result<T, StoreError> {
        let copy = self.copy();
        let Some(copy) = &*copy else { return from_file(&*self.file) };
        if !copy.missing.is_empty() {
            return Ok(from_copy(copy));
        }
        match from_file(&*self.file) {
            Err(error) if is_out_of_reach(&error) => Ok(from_copy(copy)),
            read => read,
        }
    }
}

/// Tells whether the file cannot be read or written now: other than one that is damaged, or is another executor's by now.
fn is_out_of_reach(error: &StoreError) -> bool {
    matches!(error, StoreError::Database { .. } | StoreError::Locked { .. } | StoreError::Io { .. })
}

impl Store for Mirror {
    fn plan(&self) -> Result<ValidPlan, StoreError> {
        self.read(|file| file.plan(), |copy| copy.plan.clone())
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

    fn state(&self) -> Result<PlanState, StoreError> {
        self.read(|file| file.state(), |copy| copy.state.clone())
    }

    fn set_state(&self, state: &PlanState) -> Result<(), StoreError> {
        let (state, copied) = (state.clone(), state.clone());
        self.write(move |file| file.set_state(&state), |copy, _| copy.state = copied)
    }

    fn phases(&self) -> Result<BTreeMap<String, PhaseRecord>, StoreError> {
        self.read(|file| file.phases(), |copy| copy.phases.clone())
    }

    fn set_phase(&self, name: &str, record: &PhaseRecord) -> Result<(), StoreError> {
        let (key, value) = (name.to_owned(), record.clone());
        let to_file = move |file: &dyn Store| file.set_phase(&key, &value);
        self.write(to_file, |copy, _| drop(copy.phases.insert(name.to_owned(), record.clone())))
    }

    fn fact(&self, key: &str) -> Result<Option<Value>, StoreError> {
        self.read(|file| file.fact(key), |copy| copy.facts.get(key).cloned())
    }

    fn set_fact(&self, key: &str, value: Option<&Value>) -> Result<(), StoreError> {
        let (name, kept) = (key.to_owned(), value.cloned());
        let to_file = move |file: &dyn Store| file.set_fact(&name, kept.as_ref());
        self.write(to_file, |copy, _| match value {
            Some(value) => drop(copy.facts.insert(key.to_owned(), value.clone())),
            None => drop(copy.facts.remove(key)),
        })
    }

    fn facts(&self) -> Result<BTreeMap<String, Value>, StoreError> {
        self.read(|file| file.facts(), |copy| copy.facts.clone())
    }

    fn controls(&self) -> Result<Controls, StoreError> {
        self.read(|file| file.controls(), |copy| copy.controls.clone())
    }

    fn update_controls(
        &self,
        change: &mut dyn FnMut(&mut Controls),
    ) -> Result<Controls, StoreError> {
        let mut copy = self.copy();
        let Some(copy) = &mut *copy else { return self.file.update_controls(change) };
        match self.file.update_controls(change) {
            Ok(controls) => copy.controls = controls,
            // What an executor changes of them is that a wish is over: it is asked for again after this.
            Err(error) if copy.may_do_without && is_out_of_reach(&error) => {
                change(&mut copy.controls);
            }
            Err(error) => return Err(error),
        }
        Ok(copy.controls.clone())
    }

    fn activity(&self) -> Result<Option<Activity>, StoreError> {
        self.read(|file| file.activity(), |copy| copy.activity.clone())
    }

    fn set_activity(&self, activity: Option<&Activity>) -> Result<(), StoreError> {
        let (value, copied) = (activity.cloned(), activity.cloned());
        let to_file = move |file: &dyn Store| file.set_activity(value.as_ref());
        self.write(to_file, |copy, _| copy.activity = copied)
    }

    /// A claim that the file could not take is not told of: whoever reads the file does not see it there.
    fn claim(&self, executor: &Presence) -> Result<(), StoreError> {
        let (claim, copied) = (executor.clone(), executor.clone());
        let to_file = move |file: &dyn Store| file.claim(&claim);
        self.write(to_file, |copy, taken| {
            if taken.is_some() {
                copy.presence = Some(copied);
            }
        })
    }

    fn presence(&self) -> Result<Option<Presence>, StoreError> {
        self.read(|file| file.presence(), |copy| copy.presence.clone())
    }

    fn beat(&self, at: Timestamp, leaves: bool) -> Result<(), StoreError> {
        self.file.beat(at, leaves)
    }

    /// Of an entry that the file could not take the number is that of its last one: nobody shall miss it there.
    fn append(&self, entry: &Entry, activity: Option<&Activity>) -> Result<u64, StoreError> {
        let (entry, shown, copied) = (entry.clone(), activity.cloned(), activity.cloned());
        self.write(
            move |file| file.append(&entry, shown.as_ref()),
            |copy, number| {
                copy.activity = copied.or(copy.activity.take());
                copy.last = number.unwrap_or(copy.last);
                copy.last
            },
        )
    }

    /// Of entries that the file could not take nothing is told: the file would pass for an older copy of itself.
    fn entries(&self) -> Result<u64, StoreError> {
        self.read(|file| file.entries(), |copy| copy.last)
    }

    fn log_after(&self, number: u64) -> Result<Vec<(u64, Entry)>, StoreError> {
        self.read(|file| file.log_after(number), |_| Vec::new())
    }
}

//! A journal in memory, for tests and simulations.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use super::{
    Activity, Controls, ControlsChange, Entry, Journal, JournalError, PhaseRecord, PlanState,
    Presence,
};
use crate::plan::{Plan, ValidPlan};

/// A plan and its journal in memory. It answers as a plan file does, and is gone with its last handle.
#[derive(Debug)]
pub struct MemoryJournal {
    kept: Arc<Mutex<Kept>>,
    /// The token of the executor that claimed the plan through this handle; 0 for none.
    token: AtomicU64,
}

#[derive(Debug)]
struct Kept {
    plan: Plan,
    state: PlanState,
    phases: BTreeMap<String, PhaseRecord>,
    facts: BTreeMap<String, Value>,
    controls: Controls,
    activity: Option<Activity>,
    executor: Option<Presence>,
    log: Vec<Entry>,
}

impl MemoryJournal {
    /// A journal of a plan of which nothing was done.
    pub fn new(plan: Plan) -> Self {
        let kept = Kept {
            plan,
            state: PlanState::Planned,
            phases: BTreeMap::new(),
            facts: BTreeMap::new(),
            controls: Controls::default(),
            activity: None,
            executor: None,
            log: Vec::new(),
        };
        Self { kept: Arc::new(Mutex::new(kept)), token: AtomicU64::new(0) }
    }

    /// Another handle to it, as another process has that opens the same file.
    #[must_use]
    pub fn open_again(&self) -> Self {
        Self { kept: self.kept.clone(), token: AtomicU64::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // A panic elsewhere leaves nothing half written.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a write: refused if the plan was claimed through this handle and somebody else has claimed it since.
    fn lock_to_write(&self) -> Result<MutexGuard<'_, Kept>, JournalError> {
        let kept = self.lock();
        let token = self.token.load(Ordering::SeqCst);
        match &kept.executor {
            Some(by) if token != 0 && by.token > token => Err(overtaken(by)),
            Some(_) | None => Ok(kept),
        }
    }
}

fn overtaken(by: &Presence) -> JournalError {
    JournalError::Overtaken { path: PLACE.to_owned(), by: Box::new(by.clone()) }
}

/// The place that it tells.
const PLACE: &str = "memory";

#[async_trait]
impl Journal for MemoryJournal {
    async fn plan(&self) -> Result<ValidPlan, JournalError> {
        let plan = self.lock().plan.clone();
        ValidPlan::new(plan)
            .map_err(|source| JournalError::InvalidPlan { path: PLACE.to_owned(), source })
    }

    fn place(&self) -> String {
        PLACE.to_owned()
    }

    fn work_directory(&self) -> PathBuf {
        PathBuf::from(PLACE)
    }

    async fn state(&self) -> Result<PlanState, JournalError> {
        Ok(self.lock().state.clone())
    }

    async fn set_state(&self, state: &PlanState) -> Result<(), JournalError> {
        self.lock_to_write()?.state = state.clone();
        Ok(())
    }

    async fn phases(&self) -> Result<BTreeMap<String, PhaseRecord>, JournalError> {
        Ok(self.lock().phases.clone())
    }

    async fn set_phase(&self, name: &str, record: &PhaseRecord) -> Result<(), JournalError> {
        self.lock_to_write()?.phases.insert(name.to_owned(), record.clone());
        Ok(())
    }

    async fn fact(&self, key: &str) -> Result<Option<Value>, JournalError> {
        Ok(self.lock().facts.get(key).cloned())
    }

    async fn set_fact(&self, key: &str, value: Option<&Value>) -> Result<(), JournalError> {
        let mut kept = self.lock_to_write()?;
        match value {
            Some(value) => drop(kept.facts.insert(key.to_owned(), value.clone())),
            None => drop(kept.facts.remove(key)),
        }
        Ok(())
    }

    async fn facts(&self) -> Result<BTreeMap<String, Value>, JournalError> {
        Ok(self.lock().facts.clone())
    }

    async fn controls(&self) -> Result<Controls, JournalError> {
        Ok(self.lock().controls.clone())
    }

    async fn update_controls(
        &self,
        change: &mut ControlsChange<'_>,
    ) -> Result<Controls, JournalError> {
        let mut kept = self.lock_to_write()?;
        change(&mut kept.controls);
        Ok(kept.controls.clone())
    }

    async fn activity(&self) -> Result<Option<Activity>, JournalError> {
        Ok(self.lock().activity.clone())
    }

    async fn set_activity(&self, activity: Option<&Activity>) -> Result<(), JournalError> {
        self.lock_to_write()?.activity = activity.cloned();
        Ok(())
    }

    async fn claim(&self, executor: &Presence) -> Result<(), JournalError> {
        let mut kept = self.lock_to_write()?;
        let is_taken = |last: &&Presence| {
            last.token > executor.token
                || (last.token == executor.token && last.session != executor.session)
        };
        if let Some(by) = kept.executor.as_ref().filter(is_taken) {
            return Err(overtaken(by));
        }
        kept.executor = Some(executor.clone());
        self.token.store(executor.token, Ordering::SeqCst);
        Ok(())
    }

    async fn presence(&self) -> Result<Option<Presence>, JournalError> {
        Ok(self.lock().executor.clone())
    }

    async fn beat(&self, at: Timestamp, leaves: bool) -> Result<(), JournalError> {
        let token = self.token.load(Ordering::SeqCst);
        let mut kept = self.lock_to_write()?;
        if let Some(own) = kept.executor.as_mut().filter(|own| own.token == token) {
            own.heartbeat = at;
            own.left = leaves.then_some(at);
        }
        Ok(())
    }

    async fn append(
        &self,
        entry: &Entry,
        activity: Option<&Activity>,
    ) -> Result<u64, JournalError> {
        let mut kept = self.lock_to_write()?;
        if let Some(activity) = activity {
            kept.activity = Some(activity.clone());
        }
        kept.log.push(entry.clone());
        Ok(kept.log.len() as u64)
    }

    async fn entries(&self) -> Result<u64, JournalError> {
        Ok(self.lock().log.len() as u64)
    }

    async fn log_after(&self, number: u64) -> Result<Vec<(u64, Entry)>, JournalError> {
        let kept = self.lock();
        let numbered = (1..).zip(&kept.log).filter(|(entry, _)| *entry > number);
        Ok(numbered.map(|(number, entry)| (number, entry.clone())).collect())
    }
}

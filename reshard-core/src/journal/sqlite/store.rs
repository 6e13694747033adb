//! The layout of a plan file: what is kept where.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::SqliteJournal;
use super::open::{BUSY, beside};
use crate::journal::{
    Activity, Controls, ControlsChange, Entry, Journal, JournalError, PhaseRecord, PlanState,
    Presence,
};
use crate::plan::{PLAN_VERSION, Plan, ValidPlan};

/// The part that plans of all versions have.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn plan(&self) -> Result<ValidPlan, JournalError> {
        let problem =
            |problem: &str| JournalError::Plan { path: self.shown(), problem: problem.to_owned() };
        let Version { version } =
            self.get("document", "plan")?.ok_or_else(|| problem("there is none"))?;
        if version != PLAN_VERSION {
            let (path, found, known) = (self.shown(), version, PLAN_VERSION);
            return Err(JournalError::PlanVersion { path, found, known });
        }
        let plan: Plan = self.get("document", "plan")?.ok_or_else(|| problem("there is none"))?;
        if !plan.hash_is_right() {
            return Err(problem("its hash does not fit: it was changed by hand"));
        }
        ValidPlan::new(plan)
            .map_err(|source| JournalError::InvalidPlan { path: self.shown(), source })
    }

    fn place(&self) -> String {
        std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone()).display().to_string()
    }

    /// Beside the plan file, with `.work` at the end of its name.
    fn work_directory(&self) -> PathBuf {
        beside(&self.path, ".work")
    }

    fn set_patience(&self, patience: Option<Duration>) {
        // It cannot fail with times as short as these.
        self.lock().busy_timeout(patience.unwrap_or(BUSY)).ok();
    }

    async fn state(&self) -> Result<PlanState, JournalError> {
        Ok(self.get("document", "state")?.unwrap_or(PlanState::Planned))
    }

    async fn set_state(&self, state: &PlanState) -> Result<(), JournalError> {
        self.set("document", "state", Some(state))
    }

    async fn phases(&self) -> Result<BTreeMap<String, PhaseRecord>, JournalError> {
        self.all("phase")
    }

    async fn set_phase(&self, name: &str, record: &PhaseRecord) -> Result<(), JournalError> {
        self.set("phase", name, Some(record))
    }

    async fn fact(&self, key: &str) -> Result<Option<Value>, JournalError> {
        self.get("fact", key)
    }

    async fn set_fact(&self, key: &str, value: Option<&Value>) -> Result<(), JournalError> {
        self.set("fact", key, value)
    }

    async fn facts(&self) -> Result<BTreeMap<String, Value>, JournalError> {
        self.all("fact")
    }

    async fn controls(&self) -> Result<Controls, JournalError> {
        Ok(self.get("document", "controls")?.unwrap_or_default())
    }

    async fn update_controls(
        &self,
        change: &mut ControlsChange<'_>,
    ) -> Result<Controls, JournalError> {
        self.write(|transaction| {
            let mut controls =
                self.get_in(transaction, "document", "controls")?.unwrap_or_default();
            change(&mut controls);
            self.put(transaction, "document", "controls", &controls)?;
            Ok(controls)
        })
    }

    async fn activity(&self) -> Result<Option<Activity>, JournalError> {
        self.get("document", "activity")
    }

    async fn set_activity(&self, activity: Option<&Activity>) -> Result<(), JournalError> {
        self.set("document", "activity", activity)
    }

    async fn claim(&self, executor: &Presence) -> Result<(), JournalError> {
        self.write(|transaction| {
            let last = self.refuse_below(transaction, executor.token)?;
            let is_other =
                |last: &Presence| last.token == executor.token && last.session != executor.session;
            if let Some(by) = last.filter(is_other) {
                return Err(JournalError::Overtaken { path: self.shown(), by: Box::new(by) });
            }
            self.put(transaction, "document", "executor", executor)
        })?;
        self.token.store(executor.token, Ordering::SeqCst);
        Ok(())
    }

    async fn presence(&self) -> Result<Option<Presence>, JournalError> {
        self.get("document", "executor")
    }

    async fn beat(&self, at: Timestamp, leaves: bool) -> Result<(), JournalError> {
        let token = self.token.load(Ordering::SeqCst);
        let connection = self.lock();
        let usual = connection.pragma_query_value(None, "busy_timeout", |row| row.get(0));
        let usual = Duration::from_millis(usual.map_err(|source| self.failed(source))?);
        let wait = |time| connection.busy_timeout(time).map_err(|source| self.failed(source));
        if !leaves {
            // The next is soon; meanwhile the executor wants the connection.
            wait(Duration::ZERO)?;
        }
        let written = self.write_in(&connection, |transaction| {
            let own: Option<Presence> = self.get_in(transaction, "document", "executor")?;
            let Some(mut own) = own.filter(|own| own.token == token) else { return Ok(()) };
            own.heartbeat = at;
            own.left = leaves.then_some(at);
            self.put(transaction, "document", "executor", &own)
        });
        wait(usual)?;
        written
    }

    async fn entries(&self) -> Result<u64, JournalError> {
        let number: i64 = self.run(|connection| {
            let sql = "select coalesce(max(number), 0) from log";
            connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
        })?;
        Ok(u64::try_from(number).unwrap_or_default())
    }

    async fn append(
        &self,
        entry: &Entry,
        activity: Option<&Activity>,
    ) -> Result<u64, JournalError> {
        let json = self.written("log", entry)?;
        let number = self.write(|transaction| {
            if let Some(activity) = activity {
                self.put(transaction, "document", "activity", activity)?;
            }
            transaction
                .prepare_cached("insert into log (json) values (?1)")
                .and_then(|mut statement| statement.insert([json]))
                .map_err(|source| self.failed(source))
        })?;
        Ok(u64::try_from(number).unwrap_or_default())
    }

    async fn log_after(&self, number: u64) -> Result<Vec<(u64, Entry)>, JournalError> {
        let after = i64::try_from(number).unwrap_or(i64::MAX);
        let rows: Vec<(i64, String)> = self.run(|connection| {
            let sql = "select number, json from log where number > ?1 order by number";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([after], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })?;
        rows.into_iter()
            .map(|(number, json)| {
                Ok((u64::try_from(number).unwrap_or_default(), self.read("log", &json)?))
            })
            .collect()
    }
}

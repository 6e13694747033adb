//! Journals that cannot be written while writes are refused, or that somebody has edited.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::ffi::{Error, SQLITE_FULL};
use serde_json::Value;

use super::{Deployment, Does, ExecutorError, Fixture, Outcome, PHASES, World};
use crate::journal::{
    Activity, Controls, ControlsChange, Entry, Journal, JournalError, PhaseRecord, PhaseState,
    PlanState, Presence, SqliteJournal,
};
use crate::plan::ValidPlan;

pub(super) async fn all(deployment: &Deployment) {
    writes_do_not_wait_for_a_journal_on_a_full_disk(deployment).await;
    after_publication_the_block_is_ended_without_a_journal(deployment).await;
    an_abort_with_writes_refused_needs_no_journal(deployment).await;
    a_journal_that_somebody_locks_is_tried_again(deployment).await;
    a_block_that_is_there_only_in_the_journal_is_begun_anew(deployment).await;
}

/// A journal on a disk that may be full.
struct OnDisk(Arc<SqliteJournal>, Arc<Mutex<World>>);

impl OnDisk {
    fn file(&self) -> Result<&SqliteJournal, JournalError> {
        if !self.1.lock().unwrap().full {
            return Ok(&self.0);
        }
        let source = rusqlite::Error::SqliteFailure(Error::new(SQLITE_FULL), None);
        Err(JournalError::Database { path: "p.plan".to_owned(), source })
    }
}

#[async_trait]
impl Journal for OnDisk {
    async fn plan(&self) -> Result<ValidPlan, JournalError> {
        self.0.plan().await
    }

    fn place(&self) -> String {
        self.0.place()
    }

    fn work_directory(&self) -> PathBuf {
        self.0.work_directory()
    }

    async fn state(&self) -> Result<PlanState, JournalError> {
        self.0.state().await
    }

    async fn set_state(&self, state: &PlanState) -> Result<(), JournalError> {
        self.file()?.set_state(state).await
    }

    async fn phases(&self) -> Result<BTreeMap<String, PhaseRecord>, JournalError> {
        self.0.phases().await
    }

    async fn set_phase(&self, name: &str, record: &PhaseRecord) -> Result<(), JournalError> {
        self.file()?.set_phase(name, record).await
    }

    async fn fact(&self, key: &str) -> Result<Option<Value>, JournalError> {
        self.0.fact(key).await
    }

    async fn set_fact(&self, key: &str, value: Option<&Value>) -> Result<(), JournalError> {
        self.file()?.set_fact(key, value).await
    }

    async fn facts(&self) -> Result<BTreeMap<String, Value>, JournalError> {
        self.0.facts().await
    }

    async fn controls(&self) -> Result<Controls, JournalError> {
        self.0.controls().await
    }

    async fn update_controls(
        &self,
        change: &mut ControlsChange<'_>,
    ) -> Result<Controls, JournalError> {
        self.file()?.update_controls(change).await
    }

    async fn activity(&self) -> Result<Option<Activity>, JournalError> {
        self.0.activity().await
    }

    async fn set_activity(&self, activity: Option<&Activity>) -> Result<(), JournalError> {
        self.file()?.set_activity(activity).await
    }

    async fn claim(&self, executor: &Presence) -> Result<(), JournalError> {
        self.file()?.claim(executor).await
    }

    async fn presence(&self) -> Result<Option<Presence>, JournalError> {
        self.0.presence().await
    }

    async fn beat(&self, at: Timestamp, leaves: bool) -> Result<(), JournalError> {
        self.file()?.beat(at, leaves).await
    }

    async fn append(
        &self,
        entry: &Entry,
        activity: Option<&Activity>,
    ) -> Result<u64, JournalError> {
        self.file()?.append(entry, activity).await
    }

    async fn entries(&self) -> Result<u64, JournalError> {
        self.0.entries().await
    }

    async fn log_after(&self, number: u64) -> Result<Vec<(u64, Entry)>, JournalError> {
        self.0.log_after(number).await
    }
}

impl Fixture {
    fn on_disk(&self) -> Arc<dyn Journal> {
        Arc::new(OnDisk(self.store.clone(), self.world.clone()))
    }

    fn free_the_disk(&self) {
        self.world.lock().unwrap().full = false;
    }
}

async fn writes_do_not_wait_for_a_journal_on_a_full_disk(deployment: &Deployment) {
    let script = vec![Does::FillsTheDisk, Does::Well, Does::Well, Does::Well];
    let fixture = Fixture::new(deployment, script);
    let ended = fixture.executor_with(fixture.on_disk()).run().await;
    let Err(error @ ExecutorError::JournalBehind { .. }) = ended else { panic!("{ended:?}") };
    assert!(error.to_string().starts_with("writes to the moving vnodes are accepted"), "{error}");
    assert_eq!(fixture.effects(), ["first", "make"]);
    // The file says still that writes are refused, and that the split was begun.
    assert!(!fixture.block().await.unwrap().time.is_over());
    fixture.free_the_disk();
    assert_eq!(fixture.executor().run().await.unwrap(), Outcome::Done);
    assert_eq!(fixture.effects().len(), PHASES.len());
    assert_eq!(fixture.store.fact("round").await.unwrap(), Some(1.into()), "it is split anew");
}

async fn after_publication_the_block_is_ended_without_a_journal(deployment: &Deployment) {
    let mut script = vec![Does::Well; 5];
    script.insert(0, Does::FillsTheDisk);
    let fixture = Fixture::new(deployment, script);
    let ended = fixture.executor_with(fixture.on_disk()).run().await;
    let Err(error @ ExecutorError::JournalBehind { .. }) = ended else { panic!("{ended:?}") };
    assert!(error.to_string().starts_with("writes to the moving vnodes are accepted"), "{error}");
    assert!(fixture.effects().contains(&"unblock"), "{:?}", fixture.effects());
    fixture.free_the_disk();
    assert_eq!(fixture.executor().run().await.unwrap(), Outcome::Done);
}

async fn an_abort_with_writes_refused_needs_no_journal(deployment: &Deployment) {
    let fixture = Fixture::new(deployment, vec![Does::Crashes, Does::Well, Does::Well, Does::Well]);
    assert!(fixture.run().await.is_none(), "it crashes");
    fixture.world.lock().unwrap().full = true;
    let ended = fixture.executor_with(fixture.on_disk()).abort().await;
    assert!(matches!(ended, Err(ExecutorError::JournalBehind { .. })), "{ended:?}");
    assert_eq!(fixture.effects(), ["first", "make"]);
    fixture.free_the_disk();
    assert_eq!(fixture.executor().abort().await.unwrap(), Outcome::Aborted);
    assert!(fixture.effects().is_empty());
}

async fn a_journal_that_somebody_locks_is_tried_again(deployment: &Deployment) {
    let fixture = Fixture::new(deployment, vec![Does::Hangs, Does::Well, Does::Well, Does::Well]);
    let executor = fixture.executor();
    let path = fixture.store.path().to_owned();
    let locked = async {
        while !fixture.effects().contains(&"block") {
            tokio::task::yield_now().await;
        }
        let other = Connection::open(path).unwrap();
        other.execute_batch("begin immediate").unwrap();
        // The phase ends by the budget; the way back is begun with a journal that is locked.
        tokio::task::spawn_blocking(move || {
            std::thread::sleep(Duration::from_secs(11));
            other.execute_batch("commit").unwrap();
        })
        .await
        .unwrap();
    };
    let (ended, ()) = tokio::join!(executor.run(), locked);
    let ended = ended.unwrap();
    assert!(matches!(ended, Outcome::Held { .. }), "{ended:?}");
    assert_eq!(fixture.effects(), ["first", "make"]);
    assert!(fixture.block().await.unwrap().time.is_over(), "the file has it all in the end");
    assert_eq!(fixture.executor().run().await.unwrap(), Outcome::Done);
}

async fn a_block_that_is_there_only_in_the_journal_is_begun_anew(deployment: &Deployment) {
    let fixture = Fixture::new(deployment, Vec::new());
    fixture
        .store
        .update_controls(&mut |controls| controls.pause_before = Some("block".into()))
        .await
        .unwrap();
    let ended = fixture.executor().run().await.unwrap();
    assert_eq!(ended, Outcome::Paused { phase: "block".to_owned() });
    let record = fixture.store.phases().await.unwrap()["make"].clone();
    assert_eq!(record.state, PhaseState::Done);
    fixture.store.set_phase("block", &record).await.unwrap();
    assert_eq!(fixture.executor().run().await.unwrap(), Outcome::Done);
    assert_eq!(fixture.effects().len(), PHASES.len());
}

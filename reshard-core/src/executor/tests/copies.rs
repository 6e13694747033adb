//! Copies of a plan's file, and executors that slept: whoever knows less changes nothing.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use manatee_client::{Lock, Takeover};

use super::*;
use crate::epoch::{NOTE, Standing, epoch_of, known_plans};
use crate::journal::Liveness;

#[test]
fn copies_and_sleepers() {
    let zookeeper = zookeeper();
    runtime().block_on(async {
        let deployment = deployment(&zookeeper).await;
        one_executor_at_a_time(&deployment).await;
        an_old_copy_of_a_plan_that_is_done_takes_nothing_back(&deployment).await;
        an_old_copy_of_a_plan_that_goes_on_changes_nothing(&deployment).await;
        a_plain_copy_after_a_crash_is_the_plan(&deployment).await;
        a_plan_of_another_region_is_refused(&deployment).await;
        whoever_looks_sees_who_executes(&deployment).await;
        nobody_goes_on_without_one_of_the_phases(&deployment).await;
        the_session_ends_with_the_execution(&deployment, &zookeeper).await;
        an_end_that_zookeeper_missed_is_told_later(&deployment).await;
        a_token_that_jumped_is_the_end(&deployment, &zookeeper).await;
        for same_file in [true, false] {
            a_sleeper_leaves_the_plan_to_the_one_that_took_it(&deployment, &zookeeper, same_file)
                .await;
        }
    });
}

async fn one_executor_at_a_time(deployment: &Deployment) {
    let fixture = Fixture::new(deployment, vec![Does::Crashes]);
    let executor = fixture.executor();
    let running = tokio::spawn(async move { executor.run().await });
    while fixture.effects().is_empty() {
        tokio::task::yield_now().await;
    }
    // Another session, as another process has.
    let refused = fixture.executor().run().await;
    assert!(matches!(refused, Err(ExecutorError::Lock { .. })), "{refused:?}");
    running.abort();
}

impl Fixture {
    fn copy(&self, name: &str) -> Fixture {
        let copy = self.directory.path().join(name);
        std::fs::copy(self.store.path(), &copy).unwrap();
        self.with_file(&copy)
    }

    fn with_file(&self, path: &Path) -> Fixture {
        Fixture {
            deployment: self.deployment.clone(),
            clock: self.clock.clone(),
            world: self.world.clone(),
            store: Arc::new(SqliteJournal::open(path).unwrap()),
            directory: TempDir::new().unwrap(),
        }
    }

    async fn standing(&self) -> Standing {
        let uuid = self.store.plan().await.unwrap().uuid;
        let epoch = epoch_of(&self.deployment, uuid).await.unwrap();
        Standing::of(&*self.store, epoch.as_ref()).await.unwrap()
    }
}

async fn paused_before_the_block(deployment: &Deployment) -> Fixture {
    let fixture = Fixture::new(deployment, Vec::new());
    let block = Some("block".to_owned());
    fixture
        .store
        .update_controls(&mut |controls| controls.pause_before.clone_from(&block))
        .await
        .unwrap();
    let ended = fixture.executor().run().await.unwrap();
    assert_eq!(ended, Outcome::Paused { phase: "block".to_owned() });
    fixture
}

fn refused(ended: Result<Outcome, ExecutorError>) -> (Box<Epoch>, String) {
    let error = ended.unwrap_err();
    let text = crate::causes::Chain(&error).to_string();
    let ExecutorError::OlderCopy { latest, .. } = error else { panic!("{text}") };
    (latest, text)
}

async fn an_old_copy_of_a_plan_that_is_done_takes_nothing_back(deployment: &Deployment) {
    let fixture = paused_before_the_block(deployment).await;
    let copy = fixture.copy("copy");
    assert_eq!(copy.standing().await, Standing::Latest);
    assert_eq!(fixture.executor().run().await.unwrap(), Outcome::Done);
    assert_eq!(
        (fixture.standing().await, copy.standing().await),
        (Standing::Latest, Standing::Older)
    );

    let log = copy.store.log_after(0).await.unwrap();
    for ended in [copy.executor().abort().await, copy.executor().run().await] {
        let (latest, text) = refused(ended);
        assert_eq!(
            (latest.state, latest.entries),
            (PlanState::Done, fixture.store.entries().await.unwrap())
        );
        assert_eq!((latest.file, latest.pid), (fixture.store.place(), std::process::id()));
        assert!(text.contains("older copy") && text.contains("it was done at"), "{text}");
    }
    let ended = copy.executor().step("block").await;
    refused(ended);
    assert_eq!(fixture.effects().len(), PHASES.len());
    assert_eq!(copy.store.log_after(0).await.unwrap(), log, "something was begun");
}

async fn an_old_copy_of_a_plan_that_goes_on_changes_nothing(deployment: &Deployment) {
    let fixture = paused_before_the_block(deployment).await;
    let copy = fixture.copy("copy");
    // Held after publication.
    fixture.world.lock().unwrap().script = vec![Does::Holds, Does::Well, Does::Well, Does::Well];
    let ended = fixture.executor().run().await.unwrap();
    assert!(matches!(ended, Outcome::Held { .. }), "{ended:?}");
    let effects = fixture.effects();
    let (latest, text) = refused(copy.executor().run().await);
    assert!(matches!(latest.state, PlanState::Held { .. }), "{latest:?}");
    assert!(latest.writes_refused_since.is_some() && text.contains("held in unblock"), "{text}");
    refused(copy.executor().abort().await);
    assert_eq!(fixture.effects(), effects);
    assert_eq!(fixture.executor().run().await.unwrap(), Outcome::Done);
    let known = known_plans(deployment).await.unwrap();
    let uuid = fixture.store.plan().await.unwrap().uuid;
    let known = known.into_iter().find(|known| known.plan == uuid).unwrap();
    let epoch = known.epoch.unwrap().unwrap();
    assert_eq!((epoch.state, epoch.writes_refused_since), (PlanState::Done, None));
}

async fn a_plain_copy_after_a_crash_is_the_plan(deployment: &Deployment) {
    let script = vec![Does::Crashes, Does::Well, Does::Well, Does::Well];
    let fixture = Fixture::new(deployment, script);
    assert!(fixture.run().await.is_none(), "it did not crash");
    assert!(fixture.block().await.is_some_and(|block| !block.time.is_over()));
    let moved = fixture.copy("moved");
    assert_eq!(moved.executor().abort().await.unwrap(), Outcome::Aborted);
    assert_eq!(fixture.effects(), Vec::<&str>::new());
    let (latest, _) = refused(fixture.executor().run().await);
    assert_eq!((latest.state, latest.file), (PlanState::Aborted, moved.store.place()));
}

async fn a_plan_of_another_region_is_refused(deployment: &Deployment) {
    let fixture = paused_before_the_block(deployment).await;
    let elsewhere = zookeeper();
    let other = super::deployment(&elsewhere).await;
    let other = Fixture { deployment: other, ..fixture.copy("copy") };
    let refused = other.executor().abort().await;
    assert!(matches!(refused, Err(ExecutorError::UnknownHere { .. })), "{refused:?}");
    assert_eq!(fixture.effects(), ["first", "make"]);
    // Of a plan that has not begun ZooKeeper need not know anything.
    let other = Fixture::new(&other.deployment, Vec::new());
    assert_eq!(other.executor().run().await.unwrap(), Outcome::Done);
}

async fn whoever_looks_sees_who_executes(deployment: &Deployment) {
    let fixture = Fixture::new(deployment, vec![Does::Crashes]);
    let file = SqliteJournal::open_read_only(fixture.store.path()).unwrap();
    let liveness = async || Liveness::of(&file, fixture.clock.now()).await.unwrap();
    assert_eq!(liveness().await, Liveness::Nobody);
    let executor = fixture.executor();
    let running = tokio::spawn(async move { executor.run().await });
    while fixture.effects().is_empty() {
        tokio::task::yield_now().await;
    }
    let found = liveness().await;
    let Liveness::Alive(presence) = found else { panic!("{found:?}") };
    assert_eq!((presence.pid, presence.host), (std::process::id(), crate::clock::host()));
    let beat = async {
        while file.presence().await.unwrap().unwrap().heartbeat == presence.heartbeat {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), beat).await.unwrap();
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    let left = async {
        while liveness().await != Liveness::Nobody {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), left).await.unwrap();
}

async fn nobody_goes_on_without_one_of_the_phases(deployment: &Deployment) {
    let fixture = paused_before_the_block(deployment).await;
    let without = |name: &str| {
        let sequence = fixture.sequence_without(name);
        Executor::with_sequence(fixture.store.clone(), deployment.clone(), sequence)
            .with_clock(fixture.clock.clone())
    };
    for name in ["first", "split", "last"] {
        let executor = without(name);
        for refused in [executor.run().await, executor.abort().await] {
            let error = refused.unwrap_err();
            assert!(matches!(error, ExecutorError::OtherPhases { .. }), "{error}");
            assert!(error.to_string().contains(&format!("the phase {name}, which")), "{error}");
        }
    }
    assert_eq!(fixture.effects(), ["first", "make"]);
    assert_eq!(fixture.executor().run().await.unwrap(), Outcome::Done);
}

/// Names and rings are shown as in use by the session, so nobody may have to think of closing it.
async fn the_session_ends_with_the_execution(
    deployment: &Deployment,
    zookeeper: &MemoryCoordination,
) {
    let fixture = paused_before_the_block(deployment).await;
    let executor = fixture.executor();
    let mut sessions = Vec::new();
    for _ in 0..2 {
        executor.step("first").await.unwrap();
        let session = fixture.store.presence().await.unwrap().unwrap().session;
        assert!(!sessions.contains(&session) && session != deployment.session().id());
        assert_eq!(zookeeper.sessions(), [deployment.session().id()]);
        sessions.push(session);
    }
}

/// The executor died between the journal and ZooKeeper.
async fn an_end_that_zookeeper_missed_is_told_later(deployment: &Deployment) {
    let fixture = paused_before_the_block(deployment).await;
    let uuid = fixture.store.plan().await.unwrap().uuid;
    let epoch = async || epoch_of(deployment, uuid).await.unwrap().unwrap();
    let before = serde_json::to_vec(&epoch().await).unwrap();
    assert_eq!(fixture.executor().run().await.unwrap(), Outcome::Done);
    let held = lock_of(deployment, uuid).await;
    let last = held.note(NOTE).await.unwrap();
    held.write_note(NOTE, &before, last.as_ref()).await.unwrap();
    held.release().await.unwrap();
    assert!(!epoch().await.is_over());
    let over = fixture.executor().run().await;
    assert!(matches!(over, Err(ExecutorError::Over { .. })), "{over:?}");
    assert_eq!(epoch().await.state, PlanState::Done);
}

/// The plan's lock, as another executor has it.
async fn lock_of(deployment: &Deployment, plan: PlanUuid) -> HeldLock {
    let lock = Lock::new(deployment.session().clone(), PLAN_LOCKS, &plan.to_string()).unwrap();
    let patience = deployment.session_expiry_grace();
    lock.acquire("other", jiff::Timestamp::now(), Takeover::Anyone, patience).await.unwrap()
}

/// A phase that waits, and then changes something.
struct Sleeps {
    begun: Notify,
    wakes: Notify,
    changed: AtomicU64,
}

#[async_trait]
impl Phase for Sleeps {
    fn name(&self) -> &'static str {
        "sleep"
    }

    fn about(&self) -> About {
        let title = self.name();
        About { title, rfd103: "", reads: "", writes: "", done_when: "", undo: "", pause: "" }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        self.begun.notify_one();
        self.wakes.notified().await;
        let change = async {
            self.changed.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        context.act("change something", change).await
    }

    async fn undo(&self, _: &Context) -> Result<Undone, PhaseError> {
        Ok(Undone::Completely)
    }
}

fn sleeps() -> Arc<Sleeps> {
    let (begun, wakes) = (Notify::new(), Notify::new());
    Arc::new(Sleeps { begun, wakes, changed: AtomicU64::new(0) })
}

fn only(phase: &Arc<Sleeps>) -> Sequence {
    Sequence::open([phase.clone() as Arc<dyn Phase>]).end().unwrap()
}

/// The session of the executor that runs now.
async fn session_of(fixture: &Fixture) -> i64 {
    fixture.store.presence().await.unwrap().unwrap().session
}

async fn a_sleeper_leaves_the_plan_to_the_one_that_took_it(
    deployment: &Deployment,
    zookeeper: &MemoryCoordination,
    same_file: bool,
) {
    let fixture = Fixture::new(deployment, Vec::new());
    let phase = sleeps();
    let executor = Executor::with_sequence(fixture.store.clone(), deployment.clone(), only(&phase))
        .with_clock(fixture.clock.clone());
    let sleeping = tokio::spawn(async move { executor.run().await });
    phase.begun.notified().await;
    let session = session_of(&fixture).await;
    let file = fixture.store.path();
    let other = if same_file { fixture.with_file(file) } else { fixture.copy("copy") };

    // ZooKeeper does not hear of it for longer than a session lasts, and another one takes the plan.
    zookeeper.cut(session);
    zookeeper.expire(session);
    let awake = sleeps();
    awake.wakes.notify_one();
    let second = Executor::with_sequence(other.store.clone(), deployment.clone(), only(&awake))
        .with_clock(fixture.clock.clone());
    assert_eq!(second.run().await.unwrap(), Outcome::Done);
    let log = other.store.log_after(0).await.unwrap();

    zookeeper.mend(session);
    phase.wakes.notify_one();
    let ended = sleeping.await.unwrap().unwrap_err();
    let text = crate::causes::Chain(&ended).to_string();
    let told = if let ExecutorError::Overtaken { by } = &ended {
        same_file.then(|| by.clone())
    } else if let ExecutorError::OlderCopy { latest, .. } = &ended {
        (!same_file).then(|| latest.to_string())
    } else {
        None
    };
    let told = told.expect(&text);
    assert!(told.starts_with(&format!("process {} on ", std::process::id())), "{told}");
    assert_eq!(phase.changed.load(Ordering::SeqCst), 0);
    assert_eq!(other.store.state().await.unwrap(), PlanState::Done);
    assert_eq!(other.store.log_after(0).await.unwrap(), log);
}

/// Somebody had the lock meanwhile, and nothing else tells of it.
async fn a_token_that_jumped_is_the_end(deployment: &Deployment, zookeeper: &MemoryCoordination) {
    let fixture = Fixture::new(deployment, Vec::new());
    let phase = sleeps();
    let executor = Executor::with_sequence(fixture.store.clone(), deployment.clone(), only(&phase))
        .with_clock(fixture.clock.clone());
    let sleeping = tokio::spawn(async move { executor.run().await });
    phase.begun.notified().await;

    let session = session_of(&fixture).await;
    zookeeper.cut(session);
    zookeeper.expire(session);
    let held = lock_of(deployment, fixture.store.plan().await.unwrap().uuid).await;
    held.release().await.unwrap();

    zookeeper.mend(session);
    phase.wakes.notify_one();
    let ended = sleeping.await.unwrap().unwrap_err();
    assert!(matches!(ended, ExecutorError::Overtaken { .. }), "{ended:?}");
    assert_eq!(phase.changed.load(Ordering::SeqCst), 0);
}

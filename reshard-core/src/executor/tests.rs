//! Executions of invented phases: whatever fails, stops or crashes when, the world ends up as it should.

mod copies;
mod endings;
mod journal;
mod trace;
mod urgent;
mod write_block;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use manatee_client::MemoryCoordination;
use proptest::prelude::*;
use sapi_client::HttpTransport;
use tempfile::TempDir;
use tokio::sync::Notify;

use super::*;
use crate::clock::VirtualClock;
use crate::configuration::{Configuration, DatacenterUrls};
use crate::deployment::AnyTransport;
use crate::journal::{MemoryJournal, SqliteJournal, Tuning};
use crate::phase::{About, Event, Phase, PhaseError, Sequence, Undone, WriteBlockRecord};

/// The behaviour of a phase when it is run or undone the next time.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Well,
    Passes,
    /// As that, and it takes so many seconds to see it.
    PassesAfter(u64),
    Holds,
    /// The executor is gone in the middle of it.
    Crashes,
    /// It takes longer than any budget.
    Lasts,
    /// It takes five seconds, and somebody sets the wall clock by so many hours meanwhile.
    SetsTheClock(i64),
    /// It takes so many seconds.
    Takes(u64),
    /// It never ends.
    Hangs,
    /// From then on the journal cannot be written.
    FillsTheDisk,
    /// Meanwhile the process gets a signal.
    IsSignalled,
    /// Meanwhile the operator wants everything back.
    IsAborted,
    /// Meanwhile the operator wants a pause.
    IsPaused,
}

/// The world that the phases change: for each phase whether its effect is there.
#[derive(Default)]
struct World {
    effects: BTreeMap<&'static str, bool>,
    /// The next behaviours of the phases, in order, whichever is asked.
    script: Vec<Does>,
    /// True if the disk is full.
    full: bool,
    crashed: Arc<Notify>,
    stop: Option<StopHandle>,
}

struct TestPhase {
    name: &'static str,
    /// True if it begins the write block.
    blocks: bool,
    rewinds_to: Option<&'static str>,
    world: Arc<Mutex<World>>,
    clock: Arc<VirtualClock>,
    store: Arc<dyn Journal>,
}

impl TestPhase {
    async fn does(&self, effect: bool) -> Result<Undone, PhaseError> {
        let does = self.world.lock().unwrap().script.pop().unwrap_or(Does::Well);
        let set = || self.world.lock().unwrap().effects.insert(self.name, effect);
        match does {
            Does::Well => {}
            Does::PassesAfter(seconds) => {
                self.clock.sleep(Duration::from_secs(seconds)).await;
                return Err(PhaseError::transient("it may pass"));
            }
            Does::Passes => return Err(PhaseError::transient("it may pass")),
            Does::Holds => return Err(PhaseError::hold("it is broken", "mend it")),
            Does::Crashes => {
                set();
                self.world.lock().unwrap().crashed.notify_one();
                std::future::pending::<()>().await;
            }
            Does::Lasts => self.clock.sleep(Duration::from_secs(100_000)).await,
            Does::SetsTheClock(hours) => {
                self.clock.set_by(hours * 3_600_000);
                self.clock.sleep(Duration::from_secs(5)).await;
            }
            Does::Takes(seconds) => self.clock.sleep(Duration::from_secs(seconds)).await,
            Does::FillsTheDisk => self.world.lock().unwrap().full = true,
            Does::IsSignalled => self.world.lock().unwrap().stop.as_ref().unwrap().stop(),
            Does::Hangs => std::future::pending().await,
            Does::IsAborted => {
                self.store.update_controls(&mut |controls| controls.abort = true).await?;
            }
            Does::IsPaused => {
                self.store.update_controls(&mut |controls| controls.pause = true).await?;
            }
        }
        set();
        Ok(if effect || self.rewinds_to.is_none() { Undone::Completely } else { Undone::Rewind })
    }
}

#[async_trait]
impl Phase for TestPhase {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> About {
        About {
            title: self.name,
            rfd103: "",
            reads: "",
            writes: "",
            done_when: "",
            undo: "",
            pause: "",
        }
    }

    async fn lifted(&self, _: &Context) -> Result<Option<String>, PhaseError> {
        let there = self.world.lock().unwrap().effects.get(self.name) == Some(&true);
        Ok((!there).then(|| "somebody has lifted it".to_owned()))
    }

    fn undo_rounds(&self) -> u32 {
        u32::from(self.blocks)
    }

    fn rewinds_to(&self) -> Option<&'static str> {
        self.rewinds_to
    }

    async fn run(&self, _: &Context) -> Result<(), PhaseError> {
        self.does(true).await.map(|_| ())
    }

    async fn undo(&self, _: &Context) -> Result<Undone, PhaseError> {
        self.does(false).await
    }
}

/// The names of the order of a plan in small: two phases before the write block, one in it whose undoing spoils the second,
/// the one without a way back, the one that ends it, and one after.
const PHASES: [&str; 7] = ["first", "make", "block", "split", "publish", "unblock", "last"];

/// A plan that is carried out, with its journal in a file or in memory.
struct Fixture<S = SqliteJournal> {
    deployment: Deployment,
    clock: Arc<VirtualClock>,
    world: Arc<Mutex<World>>,
    store: Arc<S>,
    directory: TempDir,
}

impl Fixture {
    fn new(deployment: &Deployment, script: Vec<Does>) -> Self {
        let directory = TempDir::new().unwrap();
        let plan = crate::plan::example(PlanUuid::random());
        let store = SqliteJournal::create(&directory.path().join("plan"), &plan).unwrap();
        Self {
            deployment: deployment.clone(),
            clock: Arc::new(VirtualClock::starting_at(jiff::Timestamp::UNIX_EPOCH)),
            world: Arc::new(Mutex::new(World { script, ..World::default() })),
            store: Arc::new(store),
            directory,
        }
    }
}

impl Fixture<MemoryJournal> {
    fn in_memory(deployment: &Deployment, script: Vec<Does>, plan: PlanUuid) -> Self {
        Self {
            deployment: deployment.clone(),
            clock: Arc::new(VirtualClock::starting_at(jiff::Timestamp::UNIX_EPOCH)),
            world: Arc::new(Mutex::new(World { script, ..World::default() })),
            store: Arc::new(MemoryJournal::new(crate::plan::example(plan))),
            directory: TempDir::new().unwrap(),
        }
    }
}

impl<S: Journal + 'static> Fixture<S> {
    fn phase(&self, name: &'static str) -> Arc<dyn Phase> {
        let (world, clock, store) = (self.world.clone(), self.clock.clone(), self.store.clone());
        let (blocks, rewinds_to) = (name == "block", (name == "split").then_some("make"));
        Arc::new(TestPhase { name, blocks, rewinds_to, world, clock, store })
    }

    /// The sequence, but for the phase of this name.
    fn sequence_without(&self, left_out: &str) -> Sequence {
        let phases = |names: &[&'static str]| {
            let names = names.iter().filter(|name| **name != left_out);
            names.map(|name| self.phase(name)).collect::<Vec<_>>()
        };
        Sequence::open(phases(&["first", "make"]))
            .blocked(phases(&["block", "split"]))
            .pivot(self.phase("publish"))
            .last(self.phase("unblock"))
            .open(phases(&["last"]))
            .unwrap()
    }

    fn executor(&self) -> Executor {
        self.executor_with(self.store.clone())
    }

    fn executor_with(&self, journal: Arc<dyn Journal>) -> Executor {
        let sequence = self.sequence_without("");
        let executor = Executor::with_sequence(journal, self.deployment.clone(), sequence)
            .with_clock(self.clock.clone());
        self.world.lock().unwrap().stop = Some(executor.stop_handle());
        executor
    }

    /// Runs until the execution ends or crashes.
    async fn run(&self) -> Option<Result<Outcome, ExecutorError>> {
        let crashed = self.world.lock().unwrap().crashed.clone();
        let executor = self.executor();
        tokio::select! {
            biased;
            ended = executor.run() => Some(ended),
            () = crashed.notified() => None,
        }
    }

    /// Allows a budget in seconds.
    async fn allow(&self, seconds: u64) {
        self.tune(&mut |tuning| tuning.budget_seconds = Some(seconds)).await;
    }

    async fn tune(&self, change: &mut (dyn FnMut(&mut Tuning) + Send)) {
        self.store.update_controls(&mut |controls| change(&mut controls.tuning)).await.unwrap();
    }

    fn effects(&self) -> Vec<&'static str> {
        let world = self.world.lock().unwrap();
        world.effects.iter().filter(|(_, there)| **there).map(|(name, _)| *name).collect()
    }

    async fn block(&self) -> Option<WriteBlockRecord> {
        let fact = self.store.fact("write-block").await.unwrap()?;
        Some(serde_json::from_value(fact).unwrap())
    }
}

/// A ZooKeeper whose clock never moves.
pub(crate) fn zookeeper() -> MemoryCoordination {
    MemoryCoordination::new(|| jiff::Timestamp::UNIX_EPOCH)
}

/// The addresses at which a test's region has routers.
pub(crate) const ROUTERS: [&str; 2] = ["10.0.0.10:2020", "10.0.0.11:2020"];

/// A region of which only ZooKeeper answers.
pub(crate) async fn deployment(zookeeper: &MemoryCoordination) -> Deployment {
    let http = AnyTransport::new(HttpTransport::new(Duration::from_secs(1)).unwrap());
    deployment_over(http, zookeeper).await
}

/// A region whose APIs are behind this.
pub(crate) async fn deployment_over(
    http: AnyTransport,
    zookeeper: &MemoryCoordination,
) -> Deployment {
    let url = || "http://127.0.0.1:1".parse().unwrap();
    let urls = DatacenterUrls { sapi: url(), vmapi: url(), cnapi: url(), imgapi: url() };
    let configuration = Configuration {
        region: "lab".to_owned(),
        dns_domain: "example.net".to_owned(),
        zookeeper: "memory:2181".to_owned(),
        session_timeout_seconds: 8,
        name_seconds: 60,
        routers: ROUTERS.map(str::to_owned).into(),
        datacenters: [("lab-1".to_owned(), urls)].into(),
    };
    let zookeeper = Arc::new(zookeeper.clone());
    Deployment::connect_through(configuration, http, zookeeper).await.unwrap()
}

/// One thread whose time passes when nobody has anything to do.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

fn any_behaviour() -> impl Strategy<Value = Does> {
    prop_oneof![
        6 => Just(Does::Well),
        2 => Just(Does::Passes),
        1 => Just(Does::Holds),
        1 => Just(Does::Crashes),
        1 => Just(Does::Lasts),
        1 => Just(Does::IsAborted),
        1 => Just(Does::IsPaused),
    ]
}

#[test]
fn executions() {
    let runtime = runtime();
    let deployment = runtime.block_on(deployment(&zookeeper()));
    runtime.block_on(a_plain_run(&deployment));
    runtime.block_on(write_block::all(&deployment));
    runtime.block_on(journal::all(&deployment));
    runtime.block_on(endings::all(&deployment));
    runtime.block_on(urgent::all(&deployment));
    runtime.block_on(no_abort_after_publication(&deployment));

    let config =
        ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(script in proptest::collection::vec(any_behaviour(), 0..12))| {
        runtime.block_on(every_script_ends_well(&deployment, script))?;
    });
}

async fn a_plain_run(deployment: &Deployment) {
    let fixture = Fixture::new(deployment, Vec::new());
    assert_eq!(fixture.executor().run().await.unwrap(), Outcome::Done);
    assert_eq!(fixture.effects().len(), PHASES.len());
    assert!(fixture.block().await.unwrap().moved);
    let over = fixture.executor().run().await;
    assert!(matches!(over, Err(ExecutorError::Over { .. })));
}

async fn no_abort_after_publication(deployment: &Deployment) {
    let script = vec![Does::Holds, Does::Well, Does::Well, Does::Well, Does::Well, Does::Well];
    let fixture = Fixture::new(deployment, script);
    let ended = fixture.executor().run().await.unwrap();
    assert!(matches!(&ended, Outcome::Held { phase, .. } if phase == "unblock"), "{ended:?}");
    let refused = fixture.executor().abort().await;
    assert!(matches!(refused, Err(ExecutorError::TooLate { .. })), "{refused:?}");
    assert_eq!(fixture.executor().run().await.unwrap(), Outcome::Done);
}

async fn every_script_ends_well(
    deployment: &Deployment,
    script: Vec<Does>,
) -> Result<(), TestCaseError> {
    let fixture = Fixture::in_memory(deployment, script, PlanUuid::random());
    for _ in 0..60 {
        let ended = fixture.run().await;
        let blocked = fixture.block().await.is_some_and(|block| !block.time.is_over());
        match ended {
            Some(Ok(Outcome::Done)) => {
                prop_assert_eq!(fixture.effects().len(), PHASES.len());
                prop_assert!(!blocked);
                prop_assert!(fixture.block().await.unwrap().moved);
                return Ok(());
            }
            Some(Ok(Outcome::Aborted)) => {
                prop_assert_eq!(fixture.effects(), Vec::<&str>::new());
                prop_assert!(!blocked);
                prop_assert_eq!(fixture.store.state().await.unwrap(), PlanState::Aborted);
                return Ok(());
            }
            Some(Ok(Outcome::Held { phase, what, .. })) => {
                let published = fixture.store.phases().await.unwrap().contains_key("publish");
                let allowed = published || what.contains("STILL REFUSED") || phase == "block";
                prop_assert!(
                    !blocked || allowed,
                    "held in {} with writes refused: {}",
                    phase,
                    what
                );
            }
            Some(Ok(Outcome::Paused { .. })) => {
                prop_assert!(!blocked, "paused with writes refused");
            }
            // A crash, or an abort that was asked for too late: the next run goes on.
            None | Some(Err(ExecutorError::TooLate { .. })) => {}
            Some(Err(other)) => return Err(TestCaseError::fail(other.to_string())),
        }
    }
    Err(TestCaseError::fail("it did not end"))
}

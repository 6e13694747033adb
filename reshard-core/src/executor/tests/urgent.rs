//! Executors that die in a phase that must not be left half done.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;

use super::{
    About, Context, Deployment, Does, Executor, Fixture, Gone, Guard, Outcome, Phase, PhaseError,
    Sequence, Undone,
};
use crate::journal::{Journal, PlanState};

pub(super) async fn all(deployment: &Deployment) {
    it_is_brought_to_an_end_and_goes_on_later(deployment).await;
    it_is_brought_to_an_end_while_it_is_rolled_back(deployment).await;
    it_does_not_begin_without_a_guard(deployment).await;
}

/// A phase of the fixture that is urgent.
struct Urgent {
    phase: Arc<dyn Phase>,
    rescues: Arc<AtomicU32>,
}

#[async_trait]
impl Phase for Urgent {
    fn name(&self) -> &'static str {
        self.phase.name()
    }

    fn about(&self) -> About {
        self.phase.about()
    }

    fn is_urgent(&self) -> bool {
        true
    }

    async fn rescue(&self, _: &Context) -> Result<String, PhaseError> {
        match self.rescues.fetch_add(1, Ordering::Relaxed) {
            0 => Err(PhaseError::transient("it may pass")),
            _ => Ok("nothing is half done".to_owned()),
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        self.phase.run(context).await
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        self.phase.undo(context).await
    }
}

struct Scene {
    fixture: Fixture,
    rescues: Arc<AtomicU32>,
}

impl Scene {
    fn new(deployment: &Deployment, script: Vec<Does>) -> Self {
        let rescues = Arc::new(AtomicU32::new(0));
        Self { fixture: Fixture::new(deployment, script), rescues }
    }

    fn executor(&self) -> Executor {
        let fixture = &self.fixture;
        let (phase, rescues) = (fixture.phase("make"), self.rescues.clone());
        let before: [Arc<dyn Phase>; 2] =
            [fixture.phase("first"), Arc::new(Urgent { phase, rescues })];
        let sequence = Sequence::open(before).pivot(fixture.phase("publish"));
        let sequence = sequence.open([fixture.phase("last")]).unwrap();
        let (store, region) = (fixture.store.clone(), fixture.deployment.clone());
        Executor::with_sequence(store, region, sequence).with_clock(fixture.clock.clone())
    }

    /// Does something until the executor crashes.
    async fn dies_in(&self, doing: impl Future<Output = Result<Outcome, super::ExecutorError>>) {
        let crashed = self.fixture.world.lock().unwrap().crashed.clone();
        tokio::select! {
            biased;
            ended = doing => panic!("it did not die: {ended:?}"),
            () = crashed.notified() => {}
        }
    }

    async fn is_rescued(&self) {
        let gone = Gone { words: "the executor was gone at noon".to_owned(), session: Some(0) };
        let executor = self.executor();
        assert!(executor.needs_rescue().await.unwrap());
        let rescued = executor.rescue(&gone).await.unwrap();
        let Some(Outcome::Held { phase, what, .. }) = rescued else { panic!("{rescued:?}") };
        assert_eq!(phase, "make");
        let words = "the executor was gone at noon in the middle of make; nothing is half done";
        assert_eq!(what, words);
        assert_eq!(self.rescues.load(Ordering::Relaxed), 2, "one has failed, and passed");
        assert!(!executor.needs_rescue().await.unwrap());
        assert_eq!(executor.rescue(&gone).await.unwrap(), None);
    }
}

async fn it_is_brought_to_an_end_and_goes_on_later(deployment: &Deployment) {
    let scene = Scene::new(deployment, vec![Does::Crashes, Does::Well]);
    assert!(!scene.executor().needs_rescue().await.unwrap());
    let executor = scene.executor();
    scene.dies_in(executor.run()).await;
    scene.is_rescued().await;
    assert_eq!(scene.executor().run().await.unwrap(), Outcome::Done);
}

async fn it_is_brought_to_an_end_while_it_is_rolled_back(deployment: &Deployment) {
    let script = vec![Does::Crashes, Does::Holds, Does::Well];
    let scene = Scene::new(deployment, script);
    let ended = scene.executor().run().await.unwrap();
    assert!(matches!(ended, Outcome::Held { .. }), "{ended:?}");
    // It holds, and whoever stops there has seen to it.
    assert!(!scene.executor().needs_rescue().await.unwrap());
    let executor = scene.executor();
    scene.dies_in(executor.abort()).await;
    scene.is_rescued().await;
    let state = scene.fixture.store.state().await.unwrap();
    let PlanState::Held { remedy, .. } = &state else { panic!("{state:?}") };
    assert!(remedy.to_string().contains("abort"), "{remedy}");
    assert_eq!(scene.executor().abort().await.unwrap(), Outcome::Aborted);
    assert!(scene.fixture.effects().is_empty());
}

struct Asleep;

#[async_trait]
impl Guard for Asleep {
    async fn stand_by(&self, _: i64) -> Result<(), Box<dyn StdError + Send + Sync>> {
        Err("it sleeps".into())
    }
}

async fn it_does_not_begin_without_a_guard(deployment: &Deployment) {
    let scene = Scene::new(deployment, Vec::new());
    let ended = scene.executor().guarded_by(Arc::new(Asleep)).run().await.unwrap();
    let Outcome::Held { phase, what, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(phase, "make");
    assert!(what.contains("it sleeps"), "{what}");
    assert_eq!(scene.fixture.effects(), ["first"]);
    // What was begun is rolled back without.
    let aborted = scene.executor().guarded_by(Arc::new(Asleep)).abort().await.unwrap();
    assert_eq!(aborted, Outcome::Aborted);
}

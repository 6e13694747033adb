//! Zones that are killed when a cutover begins a step, and primaries that are replaced.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use lab::control::{ControlClient, ExecRequest};
use lab::{Fault, Options};
use manatee_client::{ClusterState, ShardName};
use region_tests::at_every_step;
use reshard_core::{Event, Journal, Layout, Outcome, PlanState};
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use uuid::Uuid;

use super::super::served::now;
use super::super::started::{Region, guarded, small};
use super::region::World;
use super::trouble::{Trouble, Zone};

/// The longest that requests may fail after a primary's death.
const SAFE: Duration = Duration::from_mins(1);
/// The steps at which the source's primary dies: each in the cutover of a move of its own. From the check on the source is sealed.
const STEPS: [&str; 4] = ["fence", "drain", "seal", "check"];

/// A zone, and the step at which it is to be killed. One walk at a time has one.
static DOOMED: Mutex<Option<Doomed>> = Mutex::new(None);
/// The time at which the last one was killed, in microseconds since 1970.
static KILLED: AtomicU64 = AtomicU64::new(0);
static LISTENING: Once = Once::new();

struct Doomed {
    step: &'static str,
    zone: Uuid,
    control: ControlClient,
}

impl World {
    /// Has a zone killed as soon as a cutover begins a step, before the step does anything.
    pub(super) fn kill_at(&self, step: &'static str, zone: Uuid) {
        LISTENING.call_once(|| at_every_step(kill_if_doomed).unwrap());
        *DOOMED.lock().unwrap() = Some(Doomed { step, zone, control: self.region.control.clone() });
    }

    /// Tells whether a primary was replaced, and is not back yet.
    pub(super) async fn has_failed_over(&self, shard: &ShardName) -> bool {
        !self.state_of(shard).await.deposed.is_empty()
    }

    /// Brings a primary back that was replaced: it is rebuilt, and streams from the others.
    pub(super) async fn rebuild_deposed(&self, shard: &ShardName) {
        self.eventually("somebody takes over", async || self.has_failed_over(shard).await).await;
        let deposed = self.state_of(shard).await.deposed[0].zone_id.as_str().parse().unwrap();
        let rebuild =
            ExecRequest { stdin: "manatee-adm rebuild -y".to_owned(), ..ExecRequest::default() };
        // Its sitter has to know it first.
        self.eventually("it is rebuilt", async || {
            let done = self.region.control.exec(deposed, &rebuild).await;
            done.is_ok_and(|done| done.exit_code == 0)
        })
        .await;
        let is_whole = |state: &ClusterState| state.deposed.is_empty() && !state.asyncs.is_empty();
        self.eventually("three peers are there", async || is_whole(&self.state_of(shard).await))
            .await;
        let verify =
            ExecRequest { stdin: "manatee-adm verify".to_owned(), ..ExecRequest::default() };
        self.eventually("all of them stream", async || {
            let primary = self.state_of(shard).await.primary.zone_id.as_str().parse().unwrap();
            let done = self.region.control.exec(primary, &verify).await;
            done.is_ok_and(|done| done.exit_code == 0)
        })
        .await;
    }
}

/// Tells whether the step was reached at which a zone was to be killed.
pub(super) fn was_killed() -> bool {
    DOOMED.lock().unwrap().is_none()
}

fn kill_if_doomed(step: &str) {
    let doomed = DOOMED.lock().unwrap().take_if(|doomed| doomed.step == step);
    if let Some(Doomed { zone, control, .. }) = doomed {
        KILLED.store(now(), Ordering::Relaxed);
        let killing = async { control.cause(&Fault::Kill { zone }).await.unwrap() };
        block_in_place(|| Handle::current().block_on(killing));
    }
}

/// The source's primary dies in the middle of a cutover: its sync takes over, requests are served, and the cutover is tried again. If
/// the source was sealed, nothing has moved, and the plan is rolled back, with what had moved before.
#[tokio::test(flavor = "multi_thread")]
async fn the_source_fails_over_at_steps_of_the_cutover() {
    // Nobody else's death is to be taken for one, on a machine that has much else to do.
    let options = Options { session_timeout: Duration::from_secs(6), ..small() };
    let region = Region::start(options, 40.0).await;
    let request = guarded(&region).with_new_shards(4).with_budget_seconds(2);
    let world = World::begin(region, request).await;
    world.done_before("cut-over").await;
    world.be_patient(true, &Trouble::KillAt("", Zone::Primary)).await;
    let plan = world.store.plan().await.unwrap();
    let names = plan.targets().iter().map(|target| target.name.clone());
    let names: Vec<ShardName> = names.collect();
    for (name, step) in names.iter().zip(STEPS) {
        if world.has_failed_over(&world.source).await {
            world.rebuild_deposed(&world.source).await;
        }
        world.kill_at(step, world.zone(Zone::Primary).await);
        let ended = world.cut_over_one(name).await;
        println!("{step}: {ended:?}");
        assert!(was_killed(), "{step}");
        let took = world.region.served(&names, KILLED.load(Ordering::Relaxed)).await;
        assert!(took < SAFE, "{step}: {took:?}");
        if step == "check" {
            let Outcome::Held { what, remedy, .. } = ended else { panic!("{ended:?}") };
            assert!(what.contains("never takes the vnodes"), "{what}");
            assert!(remedy.to_string().contains("rolls everything back"), "{remedy}");
        } else {
            assert!(matches!(ended, Outcome::Paused { .. }), "{step}: {ended:?}");
        }
        world.region.control.heal(None).await.unwrap();
        world.rebuild_deposed(&world.source).await;
    }
    assert_eq!(world.executor.abort().await.unwrap(), Outcome::Aborted);
    world.region.end().await;
}

/// The source's primary dies when all follow and nobody has noticed anything, and when the routers are led to the new name; those of
/// both shards die after the cutover, which until then the new one is frozen for: somebody takes over, requests are served, and the
/// plan gets to its end.
#[tokio::test(flavor = "multi_thread")]
async fn both_shards_fail_over_before_and_after_the_cutover() {
    let options = Options { session_timeout: Duration::from_secs(6), ..small() };
    let region = Region::start(options, 40.0).await;
    let request = guarded(&region).with_layout(Layout::ThreePeers).with_budget_seconds(2);
    let world = World::begin(region, request).await;
    let (source, target) = (world.source.clone(), world.target().await.name.clone());
    for (phase, shard) in [
        ("list-shard", &source),
        ("flip-routers", &source),
        ("verify-routing", &target),
        ("settle-morays", &source),
        ("settle-morays", &target),
    ] {
        world.done_before(phase).await;
        println!("{phase}: the primary of {shard} dies");
        world.fail_over_during(phase, shard).await;
    }
    world.done_up_to("remove-canaries").await;
    assert_eq!(world.store.state().await.unwrap(), PlanState::Done);
    world.end().await;
}

impl World {
    /// Kills a shard's primary and has a phase carried out meanwhile.
    async fn fail_over_during(&self, phase: &str, shard: &ShardName) {
        self.be_patient(true, &Trouble::ZooKeeperRestarted).await;
        let zone = self.state_of(shard).await.primary.zone_id.as_str().parse().unwrap();
        let killed = now();
        let fault = self.region.control.cause(&Fault::Kill { zone }).await.unwrap();
        let step = self.executor.step(phase);
        let taken_over = async {
            self.eventually("somebody takes over", async || self.has_failed_over(shard).await)
                .await;
            self.region.served(std::slice::from_ref(shard), killed).await
        };
        let (ended, took) = tokio::join!(step, taken_over);
        assert!(took < SAFE, "{phase}, {shard}: {took:?}");
        let ended = ended.unwrap();
        println!("{phase}, {shard}: {ended:?}");
        assert!(matches!(ended, Outcome::Paused { .. }), "{phase}, {shard}: {ended:?}");
        self.region.control.heal(Some(fault.id)).await.unwrap();
        self.rebuild_deposed(shard).await;
    }

    /// Goes on until the vnodes of a new shard are there, and stops before the next.
    async fn cut_over_one(&self, name: &ShardName) -> Outcome {
        let executor = self.region.executor(&self.store).await;
        let (stop, moved) = (executor.stop_handle(), format!("the vnodes are at {name}"));
        let executor = executor.observed_by(Arc::new(move |event: &Event| {
            if let Event::Logged(entry) = event
                && entry.text.to_string().starts_with(&moved)
            {
                stop.stop();
            }
        }));
        executor.run().await.unwrap()
    }
}

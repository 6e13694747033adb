//! Switches at a real ZooKeeper, and at the one in memory.

use std::time::{Duration, Instant};

use test_servers::ZooKeeper;

use super::*;
use crate::coordination::{Coordination, MemoryCoordination, SessionOptions};
use crate::lock::{Lock, Takeover};
use crate::servers::Servers;
use crate::testdata::example;

const PATH: &str = "/manta_reshard/switch/3.moray.lab.example.net";
const PATIENCE: Duration = Duration::from_secs(10);

/// A switch, and a session to shut it through.
struct Scene<'a> {
    zookeeper: &'a dyn Coordination,
    switch: Switch,
    source: ClusterState,
    target: ClusterState,
}

impl<'a> Scene<'a> {
    async fn new(zookeeper: &'a dyn Coordination) -> Self {
        let session = zookeeper.open_session(&SessionOptions::default()).await.unwrap();
        let other = Peer::new("zone-of-another-shard".into(), "10.99.5.11", 5432, 12345);
        let (source, target) = (example("e1"), ClusterState { primary: other, ..example("e3") });
        let switch = Switch::new(session, PATH);
        switch.remove().await.unwrap();
        assert_eq!(switch.look().await.unwrap(), SwitchStanding::Absent);
        switch.lead_to(&source).await.unwrap();
        Self { zookeeper, switch, source, target }
    }

    async fn brief(&self) -> BriefSession {
        self.zookeeper.open_brief_session(Duration::from_millis(1), PATIENCE).await.unwrap()
    }

    async fn leads(&self) -> Peer {
        let found = self.switch.look().await.unwrap();
        let SwitchStanding::Leads(primary) = found else { panic!("{found:?}") };
        *primary
    }

    async fn version(&self) -> i32 {
        self.switch.read().await.unwrap().unwrap().version
    }
}

fn nowhere() -> PgEndpoint {
    "tcp://postgres@127.0.0.1:1/postgres".parse().unwrap()
}

async fn there_and_back(zookeeper: &dyn Coordination) {
    let scene = Scene::new(zookeeper).await;
    let mut versions = vec![scene.version().await];
    for cluster in [&scene.target, &scene.source, &scene.target, &scene.source] {
        let mut brief = scene.brief().await;
        let gate = scene.switch.shut(&mut brief, &nowhere()).await.unwrap();
        let shut = SwitchStanding::Shut { session: brief.id() };
        assert_eq!(scene.switch.look().await.unwrap(), shut);
        let state = scene.switch.read().await.unwrap().unwrap();
        let found = scene.switch.state(&state).unwrap();
        assert_eq!(found.primary.endpoint().unwrap(), nowhere());
        assert!(found.chain().count() == 1, "nobody takes a standby for a way out");
        versions.push(state.version);
        let again = scene.switch.shut(&mut brief, &nowhere()).await;
        assert!(matches!(again, Err(SwitchError::NotLeading { .. })), "{again:?}");

        scene.switch.open(&mut brief, &gate, cluster).await.unwrap();
        brief.close().await;
        assert_eq!(scene.leads().await, cluster.primary);
        versions.push(scene.version().await);
        // Whoever has read one sees the next as another, and also if it did not look while the switch was shut.
        let is_another = |pair: &[i32]| pair[0] != pair[1];
        assert!(versions.windows(2).all(is_another), "{versions:?}");
        let open: Vec<i32> = versions.iter().step_by(2).copied().collect();
        assert!(open.windows(2).all(is_another), "{versions:?}");
    }
    scene.switch.remove().await.unwrap();
    assert_eq!(scene.switch.look().await.unwrap(), SwitchStanding::Absent);
}

async fn a_gate_opens_with_the_end_of_its_session(zookeeper: &dyn Coordination, dies: bool) {
    let scene = Scene::new(zookeeper).await;
    let mut brief = scene.brief().await;
    let gate = scene.switch.shut(&mut brief, &nowhere()).await.unwrap();
    let allowed = brief.timeout() + Duration::from_secs(10);
    if dies {
        std::mem::forget(brief);
    } else {
        brief.close().await;
    }
    let began = Instant::now();
    let fallback = SwitchStanding::Fallback(scene.source.primary.id.clone());
    loop {
        let found = scene.switch.look().await.unwrap();
        if found == fallback {
            break;
        }
        assert!(dies && began.elapsed() < allowed, "{found:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut late = scene.brief().await;
    let opened = scene.switch.open(&mut late, &gate, &scene.target).await;
    assert!(matches!(opened, Err(SwitchError::Contended { .. })), "{opened:?}");
    assert_eq!(scene.switch.look().await.unwrap(), fallback, "nothing of it happened");
    scene.switch.lead_to(&scene.target).await.unwrap();
    assert_eq!(scene.leads().await, scene.target.primary);
}

async fn it_follows_a_takeover(zookeeper: &dyn Coordination) {
    let scene = Scene::new(zookeeper).await;
    let before = scene.version().await;
    scene.switch.lead_to(&scene.source).await.unwrap();
    assert_eq!(scene.version().await, before, "nothing is written for nothing");
    let sync = scene.source.sync.clone().unwrap();
    let taken_over = ClusterState {
        primary: sync,
        sync: Some(scene.source.asyncs.first().unwrap().clone()),
        asyncs: Vec::new(),
        deposed: vec![scene.source.primary.clone()],
        ..scene.source.clone()
    };
    scene.switch.lead_to(&taken_over).await.unwrap();
    assert_eq!(scene.leads().await, taken_over.primary);
    let children = scene.switch.children().await.unwrap().unwrap();
    assert_eq!(children, [child_of(&taken_over)]);
    // A gate that somebody else has shut is no obstacle to whoever takes over.
    let mut brief = scene.brief().await;
    scene.switch.shut(&mut brief, &nowhere()).await.unwrap();
    scene.switch.lead_to(&scene.target).await.unwrap();
    assert_eq!(scene.leads().await, scene.target.primary);
    brief.close().await;
    assert_eq!(scene.leads().await, scene.target.primary, "it was no part of that session");
}

async fn whoever_lost_the_lock_changes_nothing(zookeeper: &dyn Coordination) {
    let scene = Scene::new(zookeeper).await;
    let session = zookeeper.open_session(&SessionOptions::default()).await.unwrap();
    let now = "2024-05-06T07:08:09Z".parse().unwrap();
    let lock = Lock::new(session, "/manta_reshard/locks", "plan").unwrap();
    let held = lock.try_acquire("one", now, Takeover::Never).await.unwrap();
    let fenced = scene.switch.clone().fenced_by(&held);
    held.release().await.unwrap();
    let next = lock.try_acquire("other", now, Takeover::Never).await.unwrap();
    let mut brief = scene.brief().await;
    let results = [
        fenced.lead_to(&scene.target).await,
        fenced.shut(&mut brief, &nowhere()).await.map(drop),
        fenced.remove().await,
    ];
    for result in results {
        assert!(matches!(result, Err(SwitchError::LockLost { .. })), "{result:?}");
    }
    assert_eq!(scene.leads().await, scene.source.primary);
    next.release().await.unwrap();
}

async fn all(zookeeper: &dyn Coordination) {
    there_and_back(zookeeper).await;
    a_gate_opens_with_the_end_of_its_session(zookeeper, false).await;
    it_follows_a_takeover(zookeeper).await;
    whoever_lost_the_lock_changes_nothing(zookeeper).await;
}

#[tokio::test]
async fn in_memory() {
    all(&MemoryCoordination::new(jiff::Timestamp::now)).await;
}

#[tokio::test]
async fn at_a_server() {
    let server = ZooKeeper::start();
    let servers: Servers = server.address().parse().unwrap();
    all(&servers).await;
    a_gate_opens_with_the_end_of_its_session(&servers, true).await;
}

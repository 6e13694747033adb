//! Two databases between which vnodes are cut over, with a real ZooKeeper.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use manatee_client::{
    ClusterState, Coordination, Generation, Peer, Servers, SessionOptions, Shard, ShardError,
    Switch, singleton_state,
};
use test_servers::ZooKeeper;

use crate::PlanUuid;
use crate::cutover::{Parties, moray_sessions};
use crate::guard::tests::fixture::{Shard as GuardedShard, moving};
use crate::guard::tests::pair::{NUMBER, Pair};
use crate::guard::{ArmOptions, Identity, Lease, arm, close_target};

/// The addresses of the Morays of the moving name.
pub(super) const MORAYS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3))];
const SWITCH: &str = "/manta_reshard/switch/3.moray.lab.example.net";

pub(super) struct Scene {
    pub(super) pair: Pair,
    pub(super) zookeeper: Servers,
    pub(super) switch: Switch,
    pub(super) source: Shard,
    pub(super) target: Shard,
    pub(super) morays: BTreeSet<IpAddr>,
    pub(super) lease: Lease,
    _server: ZooKeeper,
}

impl Scene {
    /// A source and a target of one server each.
    pub(super) async fn start() -> Self {
        Self::start_with(1).await
    }

    /// A source of so many servers, not two, and a target of one.
    pub(super) async fn start_with(servers: usize) -> Self {
        let server = ZooKeeper::start();
        let zookeeper: Servers = server.address().parse().unwrap();
        let session = zookeeper.open_session(&SessionOptions::default()).await.unwrap();
        let pair = armed_pair(servers).await;
        let mut shards = Vec::new();
        for (number, side) in [(2, &pair.source), (3, &pair.target)] {
            let shard = format!("{number}.moray.lab.example.net").parse().unwrap();
            let shard = Shard::new(session.clone(), shard);
            let mut peers = side.chain.addresses().into_iter().map(|address| {
                let zone = format!("zone-{}", address.port());
                Peer::new(zone.as_str().into(), &address.ip().to_string(), address.port(), 1)
            });
            let state = singleton_state(peers.next().unwrap(), jiff::Timestamp::UNIX_EPOCH);
            let state =
                ClusterState { sync: peers.next(), asyncs: peers.collect(), ..state.unwrap() };
            let state = ClusterState { one_node_write_mode: state.sync.is_none(), ..state };
            shard.establish(&state).await.unwrap();
            shards.push(shard);
        }
        let [source, target] = shards.try_into().unwrap();
        let switch = Switch::new(session.clone(), SWITCH);
        switch.lead_to(&source.read_existing().await.unwrap().state).await.unwrap();
        let (lease, morays) = (pair.lease, MORAYS.into());
        Self { pair, zookeeper, switch, source, target, morays, lease, _server: server }
    }

    /// The parties, with the databases as they are now.
    pub(super) async fn parties(&self) -> Parties<'_> {
        let state = self.source.read_existing().await.unwrap().state;
        let generation = u64::from(state.generation.count().unwrap());
        let at_source = Identity::read(&self.pair.at_source, generation).await.unwrap();
        let at_target = Identity::read(&self.pair.at_target, 1).await.unwrap();
        Parties {
            zookeeper: &self.zookeeper,
            switch: &self.switch,
            source: &self.source,
            target: &self.target,
            morays: &self.morays,
            lease: self.lease,
            number: NUMBER,
            identities: [at_source, at_target],
        }
    }

    /// The same the other way round.
    pub(super) async fn back(&self) -> Parties<'_> {
        let Parties { source, target, identities: [at_source, at_target], .. } =
            self.parties().await;
        let identities = [at_target, at_source];
        Parties { source: target, target: source, identities, ..self.parties().await }
    }

    /// Takes over from an executor that is gone.
    pub(super) fn take_over(&mut self) {
        self.lease.epoch += 1;
    }

    /// Makes the source, from which the vnodes are gone, the target of the way back.
    pub(super) async fn prepare_the_way_back(&self) {
        let mut session = self.lease.take(self.pair.source.connect().await).await.unwrap();
        let options = ArmOptions::default();
        close_target(&mut session, NUMBER, &moving(), &[], &options).await.unwrap();
    }

    /// The source's primary is gone, and its sync takes over, as its sitter has it do once the shard is unfrozen.
    pub(super) async fn fail_over(&mut self) {
        let chain = &mut self.pair.source.chain;
        chain.stop(0);
        chain.promote(1);
        let next = chain.urls()[2].clone();
        chain.set(1, "synchronous_standby_names", &format!("'\"{next}\"'"));
        let freeze = self.source.read_existing().await.unwrap().state.freeze;
        let thawed = |state: &ClusterState| ClusterState { freeze: None, ..state.clone() };
        let taken_over = |state: &ClusterState| ClusterState {
            generation: Generation::new(state.generation.count().unwrap() + 1),
            primary: state.sync.clone().unwrap(),
            sync: Some(state.asyncs[0].clone()),
            asyncs: Vec::new(),
            deposed: vec![state.primary.clone()],
            ..state.clone()
        };
        let frozen =
            |state: &ClusterState| ClusterState { freeze: freeze.clone(), ..state.clone() };
        self.write(thawed).await;
        self.write(taken_over).await;
        self.write(frozen).await;
        self.pair.at_source = self.pair.source.connect_to(1).await;
        let state = self.source.read_existing().await.unwrap().state;
        self.switch.lead_to(&state).await.unwrap();
    }

    /// Writes the source's next state.
    async fn write(&self, next: impl Fn(&ClusterState) -> ClusterState) {
        let next = |state: &ClusterState| Ok::<_, ShardError>(Some(next(state)));
        self.source.update(next).await.unwrap();
    }

    /// Waits until each Moray has a session at the source.
    pub(super) async fn wait_for_morays(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let at_source = &self.pair.at_source;
        while moray_sessions(at_source, &self.morays).await.unwrap().len() < MORAYS.len() {
            assert!(Instant::now() < deadline, "the Morays do not come to the source");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A source at which the move is armed, and a target at which it is closed.
async fn armed_pair(servers: usize) -> Pair {
    let (source, target) = (GuardedShard::start(servers).await, GuardedShard::start(1).await);
    let lease = Lease { plan: PlanUuid::random(), epoch: 1 };
    let mut here = source.session(lease.plan, lease.epoch).await;
    let mut there = target.session(lease.plan, lease.epoch).await;
    let (set, options) = (moving(), ArmOptions::default());
    let armed = arm(&mut here, NUMBER, &set, 1, &options).await.unwrap();
    close_target(&mut there, NUMBER, &set, &armed.tables, &options).await.unwrap();
    let (at_source, at_target) = (source.connect().await, target.connect().await);
    Pair { source, target, lease, at_source, at_target }
}

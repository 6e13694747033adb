//! Sitters of one shard around a ZooKeeper that is a variable, for the tests.

use std::collections::VecDeque;

use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use super::super::state::{ClusterState, Peer};
use super::{Command, Event, Machine, PostgresConfig, Retry, Role};

/// A shard.
pub(super) struct Shard {
    pub(super) nodes: Vec<Node>,
    pub(super) state: Option<Value>,
    version: u64,
    /// Every state that a sitter wrote, with the number of the writer.
    pub(super) writes: Vec<(usize, ClusterState)>,
    pub(super) now: Timestamp,
}

/// A peer, whether its sitter runs or not.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what can be the matter with a peer is independent"
)]
pub(super) struct Node {
    pub(super) peer: Peer,
    pub(super) singleton: bool,
    pub(super) data: bool,
    pub(super) machine: Option<Machine>,
    /// It has an election node.
    pub(super) present: bool,
    /// It ended by itself.
    pub(super) crashed: bool,
    pub(super) wal: &'static str,
    pub(super) postgres_fails: bool,
    pub(super) postgres: Option<PostgresConfig>,
    /// The number of times that PostgreSQL was configured.
    pub(super) configured: usize,
    events: VecDeque<(Event, Option<u64>)>,
    waits: Vec<Retry>,
    seen: u64,
}

impl Node {
    pub(super) fn role(&self) -> Option<Role> {
        self.machine.as_ref().map(Machine::role)
    }
}

impl Shard {
    /// Peers of these addresses, none of them running.
    pub(super) fn new(ips: &[&str], data: bool) -> Self {
        let node = |ip: &&str| Node {
            peer: Peer::new(format!("zone-{ip}"), ip, 5432, 12345),
            singleton: false,
            data,
            machine: None,
            present: false,
            crashed: false,
            wal: "0/2000000",
            postgres_fails: false,
            postgres: None,
            configured: 0,
            events: VecDeque::new(),
            waits: Vec::new(),
            seen: 0,
        };
        let now = "2024-05-06T07:08:09.123Z".parse().unwrap();
        let nodes = ips.iter().map(node).collect();
        Self { nodes, state: None, version: 0, writes: Vec::new(), now }
    }

    /// Peers `10.0.0.1` and on.
    pub(super) fn of(count: usize, data: bool) -> Self {
        let ips: Vec<String> = (1..=count).map(|number| format!("10.0.0.{number}")).collect();
        Self::new(&ips.iter().map(String::as_str).collect::<Vec<_>>(), data)
    }

    /// A shard that runs and has settled. Peer 0 is primary, 1 sync, the others async.
    pub(super) fn running(count: usize) -> Self {
        let mut shard = Self::of(count, false);
        (0..count).for_each(|node| shard.join(node));
        shard.settle();
        shard.writes.clear();
        shard
    }

    pub(super) fn peer(&self, node: usize) -> Peer {
        self.nodes[node].peer.clone()
    }

    pub(super) fn value(&self, node: usize) -> Value {
        serde_json::to_value(&self.nodes[node].peer).unwrap()
    }

    pub(super) fn cluster(&self) -> ClusterState {
        ClusterState::parse(self.state.as_ref().unwrap()).unwrap()
    }

    /// `1 < 2 < 3 4 | 5`: primary, sync, asyncs, deposed, by number.
    pub(super) fn shape(&self) -> (usize, Option<usize>, Vec<usize>, Vec<usize>) {
        let state = self.cluster();
        let all = |peers: &[Peer]| peers.iter().map(|peer| self.number(peer)).collect();
        let sync = state.sync.as_ref().map(|peer| self.number(peer));
        (self.number(&state.primary), sync, all(&state.asyncs), all(&state.deposed))
    }

    pub(super) fn number(&self, peer: &Peer) -> usize {
        self.nodes.iter().position(|node| node.peer.id == peer.id).unwrap()
    }

    /// Starts a sitter, and has all that follows happen.
    pub(super) fn start(&mut self, node: usize) {
        self.join(node);
        self.settle();
    }

    /// Starts a sitter.
    pub(super) fn join(&mut self, node: usize) {
        let Node { peer, singleton, data, .. } = &self.nodes[node];
        let machine = Machine::new(peer.clone(), *singleton, *data);
        let node_ref = &mut self.nodes[node];
        node_ref.machine = Some(machine);
        node_ref.present = true;
        node_ref.crashed = false;
        node_ref.postgres = None;
        node_ref.waits.clear();
        node_ref.events.clear();
        node_ref.seen = 0;
        let started = Event::Started { state: self.state.clone(), active: self.active() };
        self.nodes[node].events.push_back((started, Some(self.version)));
        self.announce(Some(node));
    }

    /// Ends a sitter. The others learn it when its session expires.
    pub(super) fn stop(&mut self, node: usize) {
        self.nodes[node].machine = None;
        self.nodes[node].postgres = None;
    }

    /// Ends a sitter and its session, and has all that follows happen.
    pub(super) fn lose(&mut self, node: usize) {
        self.stop(node);
        self.expire(node);
        self.settle();
    }

    /// Ends a sitter's session.
    pub(super) fn expire(&mut self, node: usize) {
        self.nodes[node].present = false;
        self.announce(None);
    }

    /// Somebody else writes the state.
    pub(super) fn write(&mut self, state: &Value) {
        self.version += 1;
        self.state = Some(state.clone());
        for node in &mut self.nodes {
            node.events.push_back((Event::State(state.clone()), Some(self.version)));
        }
    }

    /// Somebody else changes the state, and all that follows happens.
    pub(super) fn edit(&mut self, change: impl FnOnce(&mut Value)) {
        let mut state = self.state.clone().unwrap();
        change(&mut state);
        self.write(&state);
        self.settle();
    }

    /// A second passes.
    pub(super) fn tick(&mut self) {
        self.now = self.now.checked_add(1.second()).unwrap();
        for node in &mut self.nodes {
            for retry in std::mem::take(&mut node.waits) {
                node.events.push_back((Event::Waited(retry), None));
            }
        }
        self.settle();
    }

    /// All that is to happen at once happens.
    pub(super) fn settle(&mut self) {
        let mut steps = 0;
        while let Some(node) = (0..self.nodes.len()).find(|node| self.can_step(*node)) {
            self.step(node);
            steps += 1;
            assert!(steps < 10_000, "the shard does not come to rest");
        }
    }

    fn can_step(&self, node: usize) -> bool {
        self.nodes[node].machine.is_some() && !self.nodes[node].events.is_empty()
    }

    /// A sitter takes its next event, if there is one.
    pub(super) fn step(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        let Some(machine) = &mut node.machine else { return };
        let Some((event, version)) = node.events.pop_front() else { return };
        if version.is_some_and(|version| version < node.seen) {
            // News from before its own write: sitters do not let these through.
            return;
        }
        node.seen = version.unwrap_or(node.seen);
        match machine.handle(self.now, event) {
            Ok(commands) => commands.into_iter().for_each(|command| self.obey(number, command)),
            Err(_) => {
                self.stop(number);
                self.nodes[number].crashed = true;
            }
        }
    }

    fn obey(&mut self, number: usize, command: Command) {
        let node = &mut self.nodes[number];
        let answer = match command {
            Command::Wait(retry) => {
                node.waits.push(retry);
                return;
            }
            Command::AskWal => Event::Wal(Some(node.wal.to_owned())),
            Command::Apply(config) => {
                node.configured += 1;
                node.data |= *config != PostgresConfig::Stopped;
                node.postgres = (!node.postgres_fails).then_some(*config);
                Event::Applied(!node.postgres_fails)
            }
            Command::Write(state) if node.seen == self.version => {
                node.seen += 1;
                self.write(&serde_json::to_value(&state).unwrap());
                self.writes.push((number, *state));
                Event::Written(true)
            }
            Command::Write(_) => {
                // The news that made it fail are there by then.
                node.events.push_back((Event::Written(false), None));
                return;
            }
        };
        // The answer to a write comes before the news of it.
        self.nodes[number].events.push_front((answer, None));
    }

    fn active(&self) -> Vec<Peer> {
        let present = self.nodes.iter().filter(|node| node.present);
        let mut active: Vec<Peer> = present.map(|node| node.peer.clone()).collect();
        active.sort_by(|a, b| a.id.cmp(&b.id));
        active
    }

    fn announce(&mut self, but: Option<usize>) {
        let active = self.active();
        for (number, node) in self.nodes.iter_mut().enumerate() {
            if Some(number) != but && node.machine.is_some() {
                node.events.push_back((Event::Active(active.clone()), None));
            }
        }
    }
}

//! A tier in memory that is right whatever happens: shards that crash or do not answer, late requests, and a vnode's
//! move from one shard to another. What it logs must never look wrong to the checker.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use fash::{Algorithm, Move, Pnode, Ring, Vnode};
use lab::checker::{RingInForce, Rings, Row, Shard, World};
use lab::load::log::{
    Action, Change, Condition, Header, Intent, Line, Node, Outcome, OutcomeLine, ReadLine,
    ReadResult, VERSION, WriteId,
};

use crate::rows::{PNODES, PREFIX, counts, row, transform};

/// Everything that a run of the tier leaves behind.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) header: Header,
    pub(crate) lines: Vec<Line>,
    pub(crate) world: World,
    pub(crate) rings: Rings,
    /// Keys of the bucket `manta` of which nothing is uncertain.
    pub(crate) certain: BTreeSet<String>,
    /// Vnodes that were moved.
    pub(crate) moved: BTreeSet<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Start(usize),
    Apply(u64),
    End(u64),
    ReadStart(usize),
    ReadApply(u64),
    ReadEnd(u64),
    Move,
    MoveBack,
    Look(usize),
}

/// The writer's knowledge of its key.
#[derive(Clone, Debug)]
enum Known {
    Absent,
    Etag(String),
    Unknown,
}

struct Request {
    key: usize,
    changes: Vec<Change>,
    batch: bool,
    answer: Option<Outcome>,
    /// True if the client is told the answer, false if it is told nothing.
    told: bool,
    killed: bool,
}

struct Reading {
    key: usize,
    start: u64,
    result: ReadResult,
}

struct Tier {
    random: fastrand::Rng,
    now: u64,
    queue: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sequence: u64,
    rings: Vec<Ring>,
    ring: usize,
    shards: [BTreeMap<(String, String), Row>; 2],
    requests: BTreeMap<u64, Request>,
    readings: BTreeMap<u64, Reading>,
    next_id: u64,
    keys: Vec<String>,
    known: Vec<Known>,
    uncertain: BTreeSet<usize>,
    lines: Vec<Line>,
    looks: Vec<Shard>,
    until: u64,
    calm: bool,
}

/// Runs the tier. If `calm`, the world is looked at when all is over and no request is lost; otherwise anything goes.
pub(crate) fn run(seed: u64, calm: bool) -> Run {
    let pnodes: Vec<Pnode> = PNODES.iter().map(|name| name.parse().unwrap()).collect();
    let first = Ring::create(Algorithm::Sha256, 16, pnodes.clone()).unwrap();
    let mut second = first.clone();
    let moved: Vec<Vnode> = first.vnodes_of(&pnodes[0]).unwrap().into_iter().take(4).collect();
    second.remap(&[Move { vnodes: moved.clone(), to: pnodes[1].clone() }]).unwrap();
    let keys = (0..24).map(|key| format!("{PREFIX}dir{:02}/obj{key:03}", key % 12)).collect();
    let mut tier = Tier {
        random: fastrand::Rng::with_seed(seed),
        now: 0,
        queue: BinaryHeap::new(),
        sequence: 0,
        rings: vec![first.clone(), second.clone()],
        ring: 0,
        shards: [BTreeMap::new(), BTreeMap::new()],
        requests: BTreeMap::new(),
        readings: BTreeMap::new(),
        next_id: 1,
        keys,
        known: vec![Known::Absent; 24],
        uncertain: BTreeSet::new(),
        lines: Vec::new(),
        looks: Vec::new(),
        until: 2000,
        calm,
    };
    for key in 0..tier.keys.len() {
        let (start, read) = (tier.random.u64(1..100), tier.random.u64(1..100));
        tier.at(start, Event::Start(key));
        tier.at(read, Event::ReadStart(key));
    }
    let there = tier.random.u64(300..1000);
    let back = tier.random.bool().then(|| tier.random.u64(1200..1800));
    tier.at(there, Event::Move);
    if let Some(back) = back {
        tier.at(back, Event::MoveBack);
    }
    let mut cut = u64::MAX;
    for shard in 0..2 {
        let look = if calm { 1_000_000 } else { tier.random.u64(500..2500) };
        tier.at(look, Event::Look(shard));
        cut = if shard == 0 { look } else { cut.max(look) };
    }
    while let Some(Reverse((now, _, event))) = tier.queue.pop() {
        tier.now = now;
        tier.step(event);
    }
    // The log is read at some time after the world.
    let cut = if calm { u64::MAX } else { cut + tier.random.u64(0..500) };
    let time = |line: &Line| match line {
        Line::Header(_) => 0,
        Line::Intent(intent) => intent.start,
        Line::Outcome(outcome) => outcome.end,
        Line::Read(read) => read.end,
    };
    tier.lines.retain(|line| time(line) <= cut);
    let force = |ring: &Ring, from, until| {
        let ring = Arc::new(ring.clone());
        RingInForce { ring, from, until }
    };
    let mut rings = vec![force(&first, 0, there)];
    match back {
        None => rings.push(force(&second, there, u64::MAX)),
        Some(back) => rings.extend([force(&second, there, back), force(&first, back, u64::MAX)]),
    }
    tier.looks.sort_by(|a, b| a.pnode.cmp(&b.pnode));
    let uncertain = tier.uncertain;
    let keys = tier.keys.into_iter().enumerate();
    Run {
        header: Header { version: VERSION, run: 1, epoch: 0, prefixes: vec![PREFIX.into()] },
        lines: tier.lines,
        world: World { shards: tier.looks },
        rings: Rings::new(rings, transform),
        certain: keys.filter(|(key, _)| !uncertain.contains(key)).map(|(_, key)| key).collect(),
        moved: moved.into_iter().map(Vnode::number).collect(),
    }
}

impl Tier {
    fn at(&mut self, time: u64, event: Event) {
        self.sequence += 1;
        self.queue.push(Reverse((time, self.sequence, event)));
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    fn vnode(&self, bucket: &str, key: &str) -> Vnode {
        self.rings[0].vnode_of(transform(bucket, key).as_bytes()).unwrap()
    }

    fn owner(&self, vnode: Vnode) -> usize {
        let owner = self.rings[self.ring].node(vnode).unwrap().pnode.as_str();
        PNODES.iter().position(|name| *name == owner).unwrap()
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Start(key) => self.start(key),
            Event::Apply(id) => self.apply(id),
            Event::End(id) => self.end(id),
            Event::ReadStart(key) => {
                let id = self.id();
                let result = ReadResult::Absent;
                self.readings.insert(id, Reading { key, start: self.now, result });
                let apply = self.now + self.random.u64(0..10);
                self.at(apply, Event::ReadApply(id));
            }
            Event::ReadApply(id) => self.read(id),
            Event::ReadEnd(id) => {
                let Reading { key, start, result } = self.readings.remove(&id).unwrap();
                let (bucket, end) = (String::from("manta"), self.now);
                let key_text = self.keys[key].clone();
                let line =
                    ReadLine { due: start, start, end, bucket, key: key_text, result, retries: 0 };
                self.lines.push(Line::Read(line));
                if self.now < self.until {
                    let next = self.now + self.random.u64(0..60);
                    self.at(next, Event::ReadStart(key));
                }
            }
            Event::Move => self.change_ring(1),
            Event::MoveBack => self.change_ring(0),
            Event::Look(shard) => self.look(shard),
        }
    }

    fn start(&mut self, key: usize) {
        let id = self.id();
        let write = |tier: &mut Self| WriteId { run: 1, number: tier.id() };
        let action = if self.random.u8(0..4) == 0 { Action::Delete } else { Action::Put };
        let condition = match (&self.known[key], self.random.u8(0..3)) {
            (Known::Absent, 0) => Condition::Absent,
            (Known::Etag(etag), 0) => Condition::Is(etag.clone()),
            _ => Condition::Any,
        };
        let batch = action == Action::Put && self.random.u8(0..5) == 0;
        let bucket = || String::from("manta");
        let (number, key_text) = (write(self), self.keys[key].clone());
        let mut changes = vec![Change {
            bucket: bucket(),
            key: key_text.clone(),
            action,
            write: number,
            condition,
        }];
        if batch {
            let (write, condition) = (write(self), Condition::Any);
            let (bucket, key) = (String::from("manta_uploads"), format!("up{key}:{key_text}"));
            changes.push(Change { bucket, key, action, write, condition });
        }
        let intent = Intent { id, due: self.now, start: self.now, batch, changes: changes.clone() };
        self.lines.push(Line::Intent(intent));
        let lost = if self.calm { 200 } else { 3 };
        let told = self.random.u8(0..lost) != 0;
        let killed = !self.calm && self.random.u8(0..40) == 0;
        if !told || killed {
            self.uncertain.insert(key);
        }
        let answer = None;
        self.requests.insert(id, Request { key, changes, batch, answer, told, killed });
        let mut apply = self.now + self.random.u64(0..20);
        let mut end = apply + self.random.u64(0..20);
        match self.random.u8(0..10) {
            // Refused by the router: it never arrives.
            0 if told && !killed => {
                let error = String::from("ReadOnlyError");
                self.requests.get_mut(&id).unwrap().answer = Some(Outcome::Refused { error });
                self.at(end, Event::End(id));
                return;
            }
            // It gets lost on its way.
            1 if !told => apply = u64::MAX,
            // It arrives when the client has long given up.
            2..5 if !told => {
                end = self.now + self.random.u64(1..30);
                apply = self.now + self.random.u64(0..800);
            }
            _ => {}
        }
        if apply < u64::MAX {
            self.at(apply, Event::Apply(id));
        }
        self.at(end, Event::End(id));
    }

    fn apply(&mut self, id: u64) {
        let (changes, batch) = match self.requests.get(&id) {
            Some(request) => (request.changes.clone(), request.batch),
            None => return,
        };
        let vnode = self.vnode(&changes[0].bucket, &changes[0].key);
        let owner = self.owner(vnode);
        let mut etags = Vec::new();
        let first = &changes[0];
        let at = self.shards[owner].get(&(first.bucket.clone(), first.key.clone()));
        let holds = match &first.condition {
            Condition::Any => true,
            Condition::Absent => at.is_none(),
            Condition::Is(etag) => at.is_some_and(|row| *row.etag == **etag),
        };
        let answer = if !holds {
            Outcome::Refused { error: "EtagConflictError".into() }
        } else if first.action == Action::Delete && at.is_none() {
            Outcome::Refused { error: "ObjectNotFoundError".into() }
        } else {
            for Change { bucket, key, action, write, .. } in changes {
                let shard = &mut self.shards[owner];
                if action == Action::Delete {
                    shard.remove(&(bucket, key));
                    etags.push(None);
                    continue;
                }
                let row = row(&bucket, &key, write, (!batch).then(|| vnode.number()));
                etags.push(Some(row.etag.to_string()));
                shard.insert((bucket, key), row);
            }
            let tells = !batch && etags[0].is_some();
            let node = || Node { pnode: PNODES[owner].into(), vnode: vnode.number() };
            Outcome::Acknowledged { etags, node: tells.then(node) }
        };
        if let Some(request) = self.requests.get_mut(&id) {
            request.answer = Some(answer);
        }
    }

    fn end(&mut self, id: u64) {
        let Some(request) = self.requests.get(&id) else { return };
        let (key, killed) = (request.key, request.killed);
        let outcome = match &request.answer {
            Some(answer) if request.told => answer.clone(),
            _ => Outcome::Unknown { error: "timed out".into() },
        };
        // It may still arrive; only the client has forgotten it.
        self.known[key] = match &outcome {
            Outcome::Acknowledged { etags, .. } => {
                etags[0].clone().map_or(Known::Absent, Known::Etag)
            }
            Outcome::Refused { .. } => self.known[key].clone(),
            Outcome::Unknown { .. } => Known::Unknown,
        };
        if killed {
            // So is the only writer of the key.
            return;
        }
        self.lines.push(Line::Outcome(OutcomeLine { id, end: self.now, outcome, retries: 0 }));
        if self.now < self.until {
            let next = self.now + self.random.u64(0..80);
            self.at(next, Event::Start(key));
        }
    }

    fn read(&mut self, id: u64) {
        let key = self.keys[self.readings[&id].key].clone();
        let vnode = self.vnode("manta", &key);
        let owner = self.owner(vnode);
        let node = Some(Node { pnode: PNODES[owner].into(), vnode: vnode.number() });
        let result = match self.shards[owner].get(&("manta".into(), key)) {
            _ if self.random.u8(0..20) == 0 => ReadResult::Failed { error: "timed out".into() },
            Some(row) => ReadResult::Found { write: row.write, etag: row.etag.to_string(), node },
            None => ReadResult::Absent,
        };
        self.readings.get_mut(&id).unwrap().result = result;
        let end = self.now + self.random.u64(0..10);
        self.at(end, Event::ReadEnd(id));
    }

    /// Copies what is on the moved vnodes; what was there stays, and gets old.
    fn change_ring(&mut self, ring: usize) {
        let before = self.ring;
        for vnode in 0..16 {
            let vnode = Vnode::new(vnode);
            self.ring = before;
            let from = self.owner(vnode);
            self.ring = ring;
            let to = self.owner(vnode);
            if from == to {
                continue;
            }
            let of_it = |(bucket, key): &(String, String)| self.vnode(bucket, key) == vnode;
            let rows: Vec<_> = self.shards[from]
                .iter()
                .filter(|(key, _)| of_it(key))
                .map(|(key, row)| (key.clone(), row.clone()))
                .collect();
            let old: Vec<_> = self.shards[to].keys().filter(|key| of_it(key)).cloned().collect();
            for key in old {
                self.shards[to].remove(&key);
            }
            self.shards[to].extend(rows);
        }
    }

    fn look(&mut self, shard: usize) {
        let rows: Vec<Row> = self.shards[shard].values().cloned().collect();
        self.looks.push(Shard {
            pnode: PNODES[shard].to_owned(),
            read_from: self.now,
            read_until: self.now,
            counts: Some(counts(&rows)),
            rows,
        });
    }
}

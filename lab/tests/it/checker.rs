//! The checker finds what is wrong, and nothing else.

use std::time::Duration;

use lab::checker::{CheckOptions, Ghosts, History, Report, Row, ViolationKind, World, check};
use lab::load::log::{
    Action, Change, Condition, Intent, Line, Node, Outcome, OutcomeLine, ReadLine, ReadResult,
    WriteId,
};
use proptest::prelude::*;

use crate::simulation::{PNODES, PREFIX, Run, counts, row, run, transform};

fn options() -> CheckOptions {
    CheckOptions { clock_slack: Duration::ZERO, list: usize::MAX, ..CheckOptions::default() }
}

fn judge(run: &Run) -> Report {
    let mut history = History::default();
    history.add_lines(run.header.clone(), run.lines.iter().cloned());
    check(&history, &run.world, &run.rings, &options()).unwrap()
}

fn is_found(report: &Report, kind: ViolationKind, key: &str) -> bool {
    report.listed.iter().any(|violation| violation.kind == kind && violation.key == key)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_right_tier_is_green(seed: u64, calm: bool) {
        let report = judge(&run(seed, calm));
        prop_assert!(report.is_green(), "{report}");
        prop_assert!(report.checked.acknowledged > 50);
    }

    #[test]
    fn one_thing_wrong_is_found_with_its_key(seed: u64, plant in 0..PLANTS.len(), at: u64) {
        let mut run = run(seed, true);
        let (kind, plant) = PLANTS[plant];
        let mut random = fastrand::Rng::with_seed(at);
        let Some(key) = plant(&mut run, &mut random) else { return Ok(()) };
        let report = judge(&run);
        prop_assert!(!report.is_green());
        prop_assert!(is_found(&report, kind, &key), "{kind} of {key}:\n{report}");
        prop_assert!(report.to_string().contains(&key));
    }
}

type Plant = fn(&mut Run, &mut fastrand::Rng) -> Option<String>;

/// Ways to make one thing wrong. Each gives the key that it is wrong with, if there is one that it can be.
const PLANTS: [(ViolationKind, Plant); 11] = [
    (ViolationKind::Lost, lose),
    (ViolationKind::Stale, make_stale),
    (ViolationKind::Resurrected, resurrect),
    (ViolationKind::Phantom, make_up),
    (ViolationKind::Damaged, damage),
    (ViolationKind::WrongVnode, change_vnode),
    (ViolationKind::WrongVnode, null_vnode),
    (ViolationKind::Ghost, duplicate),
    (ViolationKind::Misrouted, misroute),
    (ViolationKind::WrongRead, misread),
    (ViolationKind::DirectoryCount, miscount),
];

fn vnode(run: &Run, key: &str) -> u32 {
    let hashed = transform("manta", key);
    run.rings.rings()[0].ring.vnode_of(hashed.as_bytes()).unwrap().number()
}

fn owner(run: &Run, key: &str) -> usize {
    let node = run.rings.rings().last().unwrap().ring.lookup(transform("manta", key).as_bytes());
    let name = node.unwrap().pnode.as_str().to_owned();
    PNODES.iter().position(|pnode| *pnode == name).unwrap()
}

fn row_of<'a>(world: &'a mut World, shard: usize, key: &str) -> Option<&'a mut Row> {
    let of_it = |row: &&mut Row| &*row.key == key && &*row.bucket == "manta";
    world.shards[shard].rows.iter_mut().find(of_it)
}

/// The certain keys in any order.
fn keys(run: &Run, random: &mut fastrand::Rng) -> Vec<String> {
    let mut keys: Vec<String> = run.certain.iter().cloned().collect();
    random.shuffle(&mut keys);
    keys
}

/// The acknowledged puts of a key, as write and etag, in order.
fn puts(run: &Run, wanted: &str) -> Vec<(WriteId, bool)> {
    let mut puts = Vec::new();
    for line in &run.lines {
        let Line::Outcome(OutcomeLine { id, outcome: Outcome::Acknowledged { .. }, .. }) = line
        else {
            continue;
        };
        let intent = run.lines.iter().find_map(|line| match line {
            Line::Intent(intent) if intent.id == *id => Some(intent),
            _ => None,
        });
        let intent = intent.unwrap();
        let change = &intent.changes[0];
        if change.key == wanted && change.action == Action::Put {
            puts.push((change.write, intent.batch));
        }
    }
    puts
}

fn recount(run: &mut Run) {
    for shard in &mut run.world.shards {
        shard.counts = Some(counts(&shard.rows));
    }
}

fn lose(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    let there = |run: &mut Run, key: &str| {
        let shard = owner(run, key);
        row_of(&mut run.world, shard, key).is_some()
    };
    let key = keys(run, random).into_iter().find(|key| there(run, key))?;
    let shard = owner(run, &key);
    run.world.shards[shard].rows.retain(|row| *row.key != *key);
    recount(run);
    Some(key)
}

fn make_stale(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    for key in keys(run, random) {
        let (shard, number) = (owner(run, &key), vnode(run, &key));
        let Some((write, batch)) = puts(run, &key).into_iter().rev().nth(1) else { continue };
        if let Some(at) = row_of(&mut run.world, shard, &key) {
            *at = row("manta", &key, write, (!batch).then_some(number));
            return Some(key);
        }
    }
    None
}

fn resurrect(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    for key in keys(run, random) {
        let (shard, number) = (owner(run, &key), vnode(run, &key));
        let Some((write, batch)) = puts(run, &key).pop() else { continue };
        if row_of(&mut run.world, shard, &key).is_none() {
            let back = row("manta", &key, write, (!batch).then_some(number));
            run.world.shards[shard].rows.push(back);
            recount(run);
            return Some(key);
        }
    }
    None
}

fn make_up(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    let key = if random.bool() {
        format!("{PREFIX}dir03/never")
    } else {
        keys(run, random).into_iter().next()?
    };
    let (shard, number) = (owner(run, &key), vnode(run, &key));
    run.world.shards[shard].rows.retain(|row| *row.key != *key);
    let write = WriteId { run: 1, number: 1_000_000 };
    run.world.shards[shard].rows.push(row("manta", &key, write, Some(number)));
    recount(run);
    Some(key)
}

fn damage(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    for key in keys(run, random) {
        let shard = owner(run, &key);
        if let Some(at) = row_of(&mut run.world, shard, &key) {
            if random.bool() {
                at.etag = "BADBADBA".into();
            } else {
                at.intact = false;
            }
            return Some(key);
        }
    }
    None
}

fn change_vnode(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    for key in keys(run, random) {
        let (shard, number) = (owner(run, &key), vnode(run, &key));
        if let Some(at) = row_of(&mut run.world, shard, &key) {
            at.vnode = Some(i64::from(number) + 1);
            return Some(key);
        }
    }
    None
}

fn null_vnode(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    for key in keys(run, random) {
        let shard = owner(run, &key);
        if let Some(at) = row_of(&mut run.world, shard, &key).filter(|row| row.vnode.is_some()) {
            at.vnode = None;
            return Some(key);
        }
    }
    None
}

fn duplicate(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    for key in keys(run, random) {
        let (shard, number) = (owner(run, &key), vnode(run, &key));
        if !run.moved.contains(&number)
            && let Some(at) = row_of(&mut run.world, shard, &key).cloned()
        {
            run.world.shards[1 - shard].rows.push(at);
            recount(run);
            return Some(key);
        }
    }
    None
}

fn misroute(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    let mut candidates: Vec<_> = run
        .lines
        .iter_mut()
        .filter_map(|line| match line {
            Line::Outcome(OutcomeLine {
                id,
                outcome: Outcome::Acknowledged { node: Some(node), .. },
                ..
            }) if !run.moved.contains(&node.vnode) => Some((*id, node)),
            _ => None,
        })
        .collect();
    if candidates.is_empty() {
        return None;
    }
    let at = random.usize(..candidates.len());
    let (id, node) = candidates.swap_remove(at);
    node.pnode = PNODES.iter().find(|name| **name != node.pnode).unwrap().to_string();
    run.lines.iter().find_map(|line| match line {
        Line::Intent(intent) if intent.id == id => Some(intent.changes[0].key.clone()),
        _ => None,
    })
}

fn misread(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    let certain = run.certain.clone();
    let mut candidates: Vec<_> = run
        .lines
        .iter_mut()
        .filter_map(|line| match line {
            Line::Read(read) if certain.contains(&read.key) => Some(read),
            _ => None,
        })
        .collect();
    if candidates.is_empty() {
        return None;
    }
    let at = random.usize(..candidates.len());
    let read = candidates.swap_remove(at);
    let write = Some(WriteId { run: 1, number: 1_000_000 });
    read.result = ReadResult::Found { write, etag: "00000000".into(), node: None };
    Some(read.key.clone())
}

fn miscount(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    let rings = run.rings.rings().last().unwrap().ring.clone();
    let shard = &mut run.world.shards[0];
    let owned =
        |directory: &str| rings.lookup(directory.as_bytes()).unwrap().pnode.as_str() == PNODES[0];
    let counts = shard.counts.as_mut().unwrap();
    let mut indexes: Vec<_> =
        (0..counts.len()).filter(|index| owned(&counts[*index].directory)).collect();
    random.shuffle(&mut indexes);
    let index = indexes.pop()?;
    if random.bool() {
        counts[index].entries += 1;
        return Some(counts[index].directory.to_string());
    }
    Some(counts.remove(index).directory.to_string())
}

/// A log by hand: attempts on one key, one after another.
struct Script {
    lines: Vec<Line>,
    next: u64,
}

const KEY: &str = "/u/stor/load/dir00/obj000";

impl Script {
    fn new() -> Self {
        Self { lines: Vec::new(), next: 1 }
    }

    /// A put from `start` until `end`. Returns its number.
    fn put(&mut self, start: u64, end: u64, outcome: Option<Outcome>) -> WriteId {
        let id = self.next;
        self.next += 1;
        let write = WriteId { run: 1, number: id };
        let (bucket, key) = (String::from("manta"), KEY.to_owned());
        let (action, condition) = (Action::Put, Condition::Any);
        let changes = vec![Change { bucket, key, action, write, condition }];
        self.lines.push(Line::Intent(Intent { id, due: start, start, batch: false, changes }));
        if let Some(outcome) = outcome {
            self.lines.push(Line::Outcome(OutcomeLine { id, end, outcome }));
        }
        write
    }

    /// Acknowledged by a shard.
    fn by(&mut self, start: u64, end: u64, pnode: usize, vnode: u32) -> WriteId {
        let etag = format!("{:08X}", self.next * 7);
        let node = Some(Node { pnode: PNODES[pnode].into(), vnode });
        self.put(start, end, Some(Outcome::Acknowledged { etags: vec![Some(etag)], node }))
    }
}

/// A tier with no load but this script's, whose key is on a moved vnode.
fn scripted(script: Script, last: Option<WriteId>) -> (Run, u32) {
    // One that moved, and not back.
    let mut base =
        (0..).map(|seed| run(seed, true)).find(|run| run.rings.rings().len() == 2).unwrap();
    let number = vnode(&base, KEY);
    let (rings, pnodes) =
        (base.rings.rings().to_vec(), PNODES.map(|name| name.parse::<fash::Pnode>().unwrap()));
    let mut rings = rings;
    for (index, in_force) in rings.iter_mut().enumerate() {
        let mut ring = (*in_force.ring).clone();
        let vnodes = vec![fash::Vnode::new(number)];
        // Errors where it is there already.
        drop(ring.remap(&[fash::Move { vnodes, to: pnodes[index].clone() }]));
        in_force.ring = ring.into();
        (in_force.from, in_force.until) = if index == 0 { (0, 100) } else { (100, u64::MAX) };
    }
    base.rings = lab::checker::Rings::new(rings, transform);
    base.lines = script.lines;
    for shard in &mut base.world.shards {
        shard.rows.clear();
        shard.rows.extend(
            last.filter(|_| shard.pnode == PNODES[1])
                .map(|write| row("manta", KEY, write, Some(number))),
        );
    }
    recount(&mut base);
    (base, number)
}

fn vnode_of_key() -> u32 {
    vnode(&run(0, true), KEY)
}

#[test]
fn two_shards_that_take_writes_in_turns_are_found() {
    let vnode = vnode_of_key();
    let of = |writes: &[(u64, u64, usize)]| {
        let mut script = Script::new();
        let mut last = None;
        for (start, end, pnode) in writes {
            last = Some(script.by(*start, *end, *pnode, vnode));
        }
        let (run, number) = scripted(script, last);
        assert_eq!(number, vnode);
        judge(&run)
    };
    let clean = of(&[(10, 20, 0), (90, 105, 0), (106, 110, 1), (120, 130, 1)]);
    assert!(clean.is_green(), "{clean}");
    let turns = of(&[(10, 20, 0), (95, 101, 1), (102, 110, 0), (120, 130, 1)]);
    assert!(is_found(&turns, ViolationKind::TwoMasters, KEY), "{turns}");
    let late = of(&[(10, 20, 0), (106, 110, 1), (112, 113, 0), (120, 130, 1)]);
    assert_eq!(late.count(ViolationKind::Misrouted), 1, "{late}");
    assert_eq!(late.count(ViolationKind::TwoMasters), 1, "{late}");
}

#[test]
fn writes_of_unknown_outcome_may_be_there_or_not() {
    let vnode = vnode_of_key();
    let unknown = || Some(Outcome::Unknown { error: "timed out".into() });
    let refused = || Some(Outcome::Refused { error: "ReadOnlyError".into() });
    // What is tried second, after an acknowledged first; whether the owner may have it.
    for (outcome, may_be_there) in [(unknown(), true), (None, true), (refused(), false)] {
        for there in [0, 1] {
            let mut script = Script::new();
            let writes = [script.by(110, 120, 1, vnode), script.put(130, 140, outcome.clone())];
            let report = judge(&scripted(script, Some(writes[there])).0);
            let right = there == 0 || may_be_there;
            assert_eq!(report.is_green(), right, "{outcome:?} {there}\n{report}");
            assert!(right || is_found(&report, ViolationKind::Phantom, KEY), "{report}");
        }
    }
    // Late: the unknown one comes first, and may be done after the acknowledged one; but not if that is excluded.
    let mut script = Script::new();
    let late = script.put(110, 120, unknown());
    script.by(1000, 1010, 1, vnode);
    let (run, _) = scripted(script, Some(late));
    assert!(judge(&run).is_green());
    let mut history = History::default();
    history.add_lines(run.header.clone(), run.lines.iter().cloned());
    let options = CheckOptions { unknown_within: Some(Duration::from_micros(500)), ..options() };
    let report = check(&history, &run.world, &run.rings, &options).unwrap();
    assert!(is_found(&report, ViolationKind::Stale, KEY), "{report}");
}

#[test]
fn outages_of_moved_and_of_other_vnodes_are_apart() {
    let vnode = vnode_of_key();
    let mut script = Script::new();
    script.by(10, 20, 0, vnode);
    let refused = || Some(Outcome::Refused { error: "RS001".into() });
    script.put(50, 60, refused());
    script.put(90, 95, refused());
    script.put(96, 97, Some(Outcome::Refused { error: "EtagConflictError".into() }));
    let last = script.by(110, 120, 1, vnode);
    let report = judge(&scripted(script, Some(last)).0);
    assert!(report.is_green(), "{report}");
    assert_eq!((report.moved_writes.count, report.moved_writes.union), (1, 45));
    assert_eq!(report.moved_writes.errors["RS001"], 2);
    assert_eq!(report.untouched_writes.count, 0);
    assert!(report.to_string().lines().all(|line| line.len() <= 80), "{report}");
}

#[test]
fn ghosts_are_counted_and_can_be_forbidden() {
    let vnode = vnode_of_key();
    let mut script = Script::new();
    script.by(10, 20, 0, vnode);
    let last = script.by(110, 120, 1, vnode);
    let (mut run, _) = scripted(script, Some(last));
    let old = row("manta", KEY, WriteId { run: 1, number: 1 }, Some(vnode));
    run.world.shards[0].rows.push(old);
    recount(&mut run);
    let report = judge(&run);
    assert!(report.is_green(), "{report}");
    assert_eq!(report.ghosts.get(&vnode), Some(&1));
    let mut history = History::default();
    history.add_lines(run.header.clone(), run.lines.iter().cloned());
    let options = CheckOptions { ghosts: Ghosts::Nowhere, ..options() };
    let report = check(&history, &run.world, &run.rings, &options).unwrap();
    assert!(is_found(&report, ViolationKind::Ghost, KEY), "{report}");
}

#[test]
fn seeds_must_stay_as_they_are_until_a_load_writes_them() {
    let (mut run, _) = scripted(Script::new(), None);
    let mut seed = row("manta", "/other/a", WriteId { run: 0, number: 1 }, None);
    seed.write = None;
    let shard = owner(&run, "/other/a");
    run.world.shards[shard].rows.push(seed.clone());
    recount(&mut run);
    let mut history = History::default();
    history.add_seeds(&run.world, &run.rings);
    let judge = |run: &Run| check(&history, &run.world, &run.rings, &options()).unwrap();
    let report = judge(&run);
    assert!(report.is_green() && report.checked.objects == 1, "{report}");
    run.world.shards[shard].rows.retain(|row| &*row.key != "/other/a");
    recount(&mut run);
    assert!(is_found(&judge(&run), ViolationKind::Lost, "/other/a"));
    run.world.shards[shard].rows.push(Row { hash: 99, ..seed });
    recount(&mut run);
    assert!(is_found(&judge(&run), ViolationKind::Damaged, "/other/a"));
}

#[test]
fn an_acknowledged_condition_that_cannot_have_been_true_is_found() {
    let vnode = vnode_of_key();
    let mut script = Script::new();
    script.by(110, 120, 1, vnode);
    let last = script.by(130, 140, 1, vnode);
    for line in &mut script.lines {
        if let Line::Intent(intent) = line {
            intent.changes[0].condition = Condition::Absent;
        }
    }
    let report = judge(&scripted(script, Some(last)).0);
    assert!(is_found(&report, ViolationKind::FalseCondition, KEY), "{report}");
}

#[test]
fn reads_that_fail_are_counted_with_their_outages() {
    let vnode = vnode_of_key();
    let mut script = Script::new();
    let last = script.by(110, 120, 1, vnode);
    let read = |start, result| {
        let (bucket, key) = (String::from("manta"), KEY.to_owned());
        Line::Read(ReadLine { due: start, start, end: start + 5, bucket, key, result })
    };
    let failed = || ReadResult::Failed { error: "timed out".into() };
    script.lines.extend([read(130, failed()), read(150, failed())]);
    let etag = "00000007".to_owned();
    script.lines.push(read(200, ReadResult::Found { write: Some(last), etag, node: None }));
    script.lines.push(read(300, ReadResult::Absent));
    let report = judge(&scripted(script, Some(last)).0);
    assert_eq!((report.reads.failed, report.reads.union), (2, 25), "{report}");
    assert_eq!(report.violations.keys().collect::<Vec<_>>(), [&ViolationKind::WrongRead]);
}

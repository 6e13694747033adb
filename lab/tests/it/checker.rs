//! The checker finds what is wrong, and nothing else.

use std::time::Duration;

use lab::checker::{CheckOptions, Ghosts, History, Report, Row, ViolationKind, check};
use lab::load::log::{
    Action, Change, Condition, Intent, Line, Node, Outcome, OutcomeLine, ReadLine, ReadResult,
    WriteId,
};
use proptest::prelude::*;

use crate::plants::{PLANTS, owner, recount, vnode};
use crate::rows::{PNODES, row, transform};
use crate::simulation::{Run, run};

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
            self.lines.push(Line::Outcome(OutcomeLine { id, end, outcome, retries: 0 }));
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
        (0..100).map(|seed| run(seed, true)).find(|run| run.rings.rings().len() == 2).unwrap();
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
    // Until the new owner answered, though with a refusal of its own.
    let block = &report.write_block;
    assert_eq!((block.handovers, block.blocked), (1, 1));
    assert_eq!((block.longest, block.median, block.longest_of), (47, 47, Some(vnode)));
    assert_eq!((block.first, block.last), (Some(50), Some(97)));
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
        Line::Read(ReadLine { due: start, start, end: start + 5, bucket, key, result, retries: 0 })
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

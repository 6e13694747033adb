//! Runs every recorded run of node-fash with our command and compares exit code, standard output and ring. Where ours
//! differs on purpose, [`deviations`] says how.
//!
//! Texts of help and errors are not compared: node-fash's errors are stack traces.

mod case;
mod deviations;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use crate::fixtures::{is_whole_list, lines, production_ring};
use case::{Case, Recorded};
use deviations::{DEVIATIONS, Deviation, Ring, Stdout};

fn all_cases() -> Vec<Case> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/node-fash/cases");
    let mut cases: Vec<Case> =
        fs::read_dir(cases).unwrap().map(|entry| Case::read(entry.unwrap().path())).collect();
    cases.sort_by_key(|case| case.number);
    cases
}

#[test]
fn every_recorded_run_of_node_fash() {
    let mut cases = all_cases();
    assert_eq!(cases.len(), 294);
    if production_ring().is_none() {
        let all = cases.len();
        cases.retain(|case| !case.needs_production_ring());
        println!("skipped {} cases: FASH_PRODUCTION_RING is not set", all - cases.len());
    }
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(failure) = check(case) {
                        failures.lock().unwrap().push(format!("--- {}\n{failure}", case.name));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    assert!(failures.is_empty(), "{} cases differ\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn deviations_are_documented() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compat.md");
    // A row of a table there ends with a cell of case numbers.
    let documented: BTreeSet<u16> = fs::read_to_string(page)
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|')?.rsplit('|').next())
        .flat_map(|cell| cell.split(", "))
        .filter_map(|number| number.trim().parse().ok())
        .collect();
    let deviating: Vec<u16> = DEVIATIONS.iter().flat_map(|row| row.cases).copied().collect();
    let distinct: BTreeSet<u16> = deviating.iter().copied().collect();
    assert_eq!(deviating.len(), distinct.len(), "a case stands in two rows of the table");
    let only_documented: Vec<_> = documented.difference(&distinct).collect();
    let undocumented: Vec<_> = distinct.difference(&documented).collect();
    assert!(only_documented.is_empty(), "in docs/compat.md but no deviation: {only_documented:?}");
    assert!(undocumented.is_empty(), "missing in docs/compat.md: {undocumented:?}");
}

/// Runs a case; an error says everything that differs.
fn check(case: &Case) -> Result<(), String> {
    let deviation = DEVIATIONS.iter().find(|row| row.cases.contains(&case.number));
    let (recorded, ours) = (case.recorded(), case.run());
    let mut wrong = Vec::new();

    let rc = deviation.map_or(recorded.rc, |row| row.rc);
    if ours.rc != rc {
        wrong.push(format!("exit code {}, expected {rc}", ours.rc));
    }
    if !stdout_agrees(&recorded, deviation, &ours.stdout) {
        let expected = deviation.map_or(String::new(), |row| format!(" {:?} of", row.stdout));
        wrong.push(format!(
            "stdout\n{}\nexpected{expected}\n{}",
            excerpt(&ours.stdout),
            excerpt(&recorded.stdout)
        ));
    }
    let expected_ring = deviation.map_or(recorded.ring.clone(), |row| row.ring(case, &recorded));
    if ours.ring != expected_ring {
        let text = |ring: &Option<String>| excerpt(ring.as_deref().unwrap_or("(none)"));
        wrong.push(format!("ring\n{}\nexpected\n{}", text(&ours.ring), text(&expected_ring)));
    }
    let lines = ours.stderr.lines().count();
    // Where node-fash prints its help, ours may go to standard error.
    let most = if recorded.is_help() { 60 } else { 6 };
    if ours.rc != 0 && !(1..=most).contains(&lines) || ours.stderr.contains("panicked at") {
        wrong.push(format!("{lines} lines on stderr, expected one or a few"));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{}\nstderr\n{}", wrong.join("\n"), excerpt(&ours.stderr)))
}

fn stdout_agrees(recorded: &Recorded, deviation: Option<&Deviation>, ours: &str) -> bool {
    match deviation.map_or(Stdout::AsRecorded, |row| row.stdout) {
        Stdout::AsRecorded => {
            recorded.is_help()
                || recorded.stdout_node6.as_deref() == Some(ours)
                || same_but_for_pnode_order(&recorded.stdout, ours)
        }
        Stdout::Anything => !ours.is_empty(),
        Stdout::Exactly(text) => same_but_for_pnode_order(text, ours),
        Stdout::Version => ours.contains(env!("CARGO_PKG_VERSION")),
        Stdout::WholeList => is_whole_list(&recorded.stdout, ours),
        Stdout::Lines(count) => ours.lines().count() == count,
    }
}

/// node-fash writes the pnodes of a ring in the order in which its reads came back: equal as JSON is enough there.
fn same_but_for_pnode_order(expected: &str, ours: &str) -> bool {
    let json = |line: &str| serde_json::from_str::<Value>(line).unwrap_or(Value::Null);
    expected == ours
        || expected.lines().count() == ours.lines().count()
            && expected.len() == ours.len()
            && expected.lines().zip(ours.lines()).all(|(expected, ours)| {
                expected == ours
                    || expected.starts_with("{\"vnodes\":") && json(expected) == json(ours)
            })
}

fn excerpt(text: &str) -> String {
    text.chars().take(1500).collect()
}

impl Deviation {
    /// The ring that is expected instead of the recorded one.
    fn ring(&self, case: &Case, recorded: &Recorded) -> Option<String> {
        match self.ring {
            Ring::AsRecorded => recorded.ring.clone(),
            Ring::Absent => Some("(no directory)\n".to_owned()),
            Ring::AsInCase(number) => Some(case.ring_of(number)),
            Ring::With(changes) => Some(with_changes(recorded.ring.as_ref().unwrap(), changes)),
        }
    }
}

/// A dump with some keys set (`Some`) or removed (`None`), in key order.
fn with_changes(dump: &str, changes: &[(&str, Option<&str>)]) -> String {
    let mut entries: Vec<(&str, &str)> =
        dump.lines().map(|line| line.split_once('\t').unwrap()).collect();
    for &(key, value) in changes {
        entries.retain(|(present, _)| *present != key);
        entries.extend(value.map(|value| (key, value)));
    }
    entries.sort_unstable();
    lines(entries.iter().map(|(key, value)| format!("{key}\t{value}")))
}

//! Every situation that a plan can be in, as it is shown.

mod asked;
mod held;
mod watchdog;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reshard_core::{
    Activity, Controls, Entry, EntryKind, Epoch, Hint, Liveness, OpenWriteBlock, Operation,
    PhaseReport, PhaseState, PlanState, PlanUuid, Presence, Progress, Report, Withheld,
    WriteBlockReport,
};
use serde_json::{Value, json};

use super::copy::FileCopy;
use super::facts::{Facts, Step};
use super::text;
use super::view::{Situation, View};
use crate::reshard::runnable::Runnable;
use crate::screen::Screen;

fn now() -> Timestamp {
    "2026-01-31T12:00:00Z".parse().unwrap()
}

fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

fn phase(name: &str, state: PhaseState, began: i64) -> PhaseReport {
    let ended = (state == PhaseState::Done).then(|| ago(began - 2));
    PhaseReport {
        name: name.to_owned(),
        title: format!("do what {name} does"),
        state,
        began: ago(began),
        ended,
        seconds: ended.map(|_| 2.0),
        attempts: 1,
    }
}

fn presence() -> Presence {
    Presence {
        token: 3,
        host: "headnode".to_owned(),
        pid: 4711,
        session: 7,
        since: ago(600),
        heartbeat: ago(1),
        left: None,
    }
}

/// A plan of three phases in this state; the first is done, the second has begun.
fn facts(state: PlanState) -> Facts {
    let step = |name: &str, predicted: u64| Step {
        name: name.to_owned(),
        title: format!("do what {name} does"),
        predicted: Some(Duration::from_secs(predicted)),
    };
    Facts {
        now: now(),
        report: Report {
            plan: PlanUuid::random(),
            hash: String::new(),
            state,
            source: "2.moray.lab.example.net".to_owned(),
            targets: vec![("3.moray.lab.example.net".to_owned(), 512)],
            began: Some(ago(600)),
            ended: None,
            total_seconds: None,
            balance: Vec::new(),
            write_block: WriteBlockReport {
                predicted_seconds: 40.0,
                predicted_parts: Vec::new(),
                measured_seconds: None,
                measured_parts: Vec::new(),
                all: Vec::new(),
            },
            cutovers: Vec::new(),
            phases: vec![
                phase("preflight", PhaseState::Done, 600),
                phase("block-writes", PhaseState::Begun, 12),
            ],
            facts: BTreeMap::new(),
            holds: Vec::new(),
            troubles: 0,
            notes: Vec::new(),
        },
        phases: vec![step("preflight", 3), step("block-writes", 20), step("drain", 100)],
        no_way_back: None,
        pivot_is_next: None,
        withheld: BTreeSet::new(),
        block: None,
        urgent: None,
        watchdog: false,
        executor: Liveness::Alive(presence()),
        activity: None,
        trouble: None,
        controls: Controls::default(),
        copy: FileCopy::Latest,
        runnable: Runnable::new("split.plan".as_ref(), None),
    }
}

fn held() -> PlanState {
    PlanState::Held {
        phase: "drain".to_owned(),
        what: "the new peers do not follow".to_owned(),
        remedy: Hint::from("see that they do; then ").and(Operation::Resume),
    }
}

fn blocked(mut facts: Facts) -> Facts {
    let (lasts, left) = (Duration::from_secs(12), Some(Duration::from_secs(18)));
    facts.block = Some(OpenWriteBlock { lasts, left });
    facts
}

fn executed(mut facts: Facts, by: Liveness) -> Facts {
    facts.executor = by;
    facts
}

fn silent() -> Liveness {
    let presence = Presence { heartbeat: ago(44), ..presence() };
    Liveness::NotResponding { presence, silent_seconds: 44 }
}

fn dead() -> Liveness {
    Liveness::Dead(Presence { heartbeat: ago(44), ..presence() })
}

/// The screen on 80 columns, none of whose lines is longer.
#[track_caller]
fn screen(facts: &Facts) -> String {
    let lines = text::lines(&View::of(facts), facts.now, Screen::plain(80)).all();
    for line in &lines {
        assert!(line.chars().count() <= 80, "{line}");
    }
    lines.join("\n")
}

fn commands(facts: &Facts) -> Vec<String> {
    View::of(facts).commands.into_iter().map(|it| it.command).collect()
}

/// The text without its line breaks.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_situation_has_its_name_and_the_commands_that_make_sense() {
    let running = || facts(PlanState::Running);
    let resume = "reshard resume split.plan";
    let rest = "reshard resume split.plan --dry-run";
    let abort = "reshard abort split.plan";
    let signal = "reshard abort split.plan --signal";
    let pause = "reshard pause split.plan";
    let tune = "reshard tune split.plan";
    let log = "reshard log split.plan --follow";
    let look = "ps -o pid,s,etime,args -p 4711";
    let report = "reshard report split.plan";
    let nobody = |facts| executed(facts, Liveness::Nobody);
    let mut final_block = blocked(running());
    final_block.no_way_back = Some("publish-ring".to_owned());
    let cases = vec![
        (
            nobody(facts(PlanState::Planned)),
            Situation::Planned,
            vec!["reshard plan show split.plan", "reshard run split.plan"],
        ),
        (running(), Situation::Running, vec![pause, signal, tune, log]),
        (blocked(running()), Situation::Running, vec![signal, tune, log]),
        (final_block.clone(), Situation::Running, vec![tune, log]),
        (executed(running(), dead()), Situation::Abandoned, vec![resume, rest, abort]),
        (nobody(running()), Situation::Abandoned, vec![resume, rest, abort]),
        (executed(blocked(running()), dead()), Situation::Abandoned, vec![resume, abort]),
        (executed(final_block, dead()), Situation::Abandoned, vec![resume]),
        (executed(running(), silent()), Situation::NotResponding, vec![look, resume]),
        (nobody(facts(PlanState::Paused)), Situation::Paused, vec![resume, rest, abort]),
        (nobody(facts(held())), Situation::Held, vec![resume, rest, abort]),
        (facts(PlanState::Aborting), Situation::Aborting, vec![log]),
        (executed(facts(PlanState::Aborting), dead()), Situation::Abandoned, vec![abort]),
        (nobody(facts(PlanState::Aborted)), Situation::Aborted, vec![report]),
        (
            nobody(facts(PlanState::Done)),
            Situation::Done,
            vec![report, "reshard rows verify split.plan"],
        ),
    ];
    for (facts, situation, can) in cases {
        let view = View::of(&facts);
        assert_eq!(view.situation, situation, "{facts:?}");
        assert_eq!(commands(&facts), can, "{situation:?} {:?}", facts.report.state);
        // The screen shows each as a line to paste.
        let screen = screen(&facts);
        for command in can {
            assert!(screen.contains(&format!("\n  {command}")), "{command}:\n{screen}");
        }
    }
}

#[test]
fn refused_writes_come_first_with_how_long_they_last() {
    let running = blocked(facts(PlanState::Running));
    let first = |facts: &Facts| flat(screen(facts).split("\n\n").next().unwrap());
    let alarm = "WRITES TO THE MOVING VNODES ARE REFUSED (12 s so far)";
    assert_eq!(first(&running), format!("{alarm}, at most 18 s more."));
    let mut over = running.clone();
    over.block = Some(OpenWriteBlock { left: Some(Duration::ZERO), ..over.block.unwrap() });
    assert_eq!(first(&over), format!("{alarm}, and the original rings go back now."));
    let mut last = running.clone();
    last.block = Some(OpenWriteBlock { left: None, ..last.block.unwrap() });
    assert_eq!(first(&last), format!("{alarm}, until every router has the new ring."));
    let aborting = blocked(facts(PlanState::Aborting));
    assert_eq!(first(&aborting), format!("{alarm}, until the original rings are back."));
    let held = blocked(facts(held()));
    assert_eq!(first(&held), format!("{alarm}, until somebody lets the plan go on."));
    assert!(!screen(&facts(PlanState::Running)).contains("REFUSED"));
}

#[test]
fn with_nobody_to_end_the_write_block_it_shouts_and_says_what_to_type() {
    for (by, who) in [
        (dead(), "the executor, process 4711 on headnode, is dead: its last sign was 44 s ago."),
        (
            silent(),
            "the executor, process 4711 on headnode, does not respond: its last sign was 44 s ago.",
        ),
        (Liveness::Nobody, "nobody executes the plan."),
    ] {
        let shown = screen(&executed(blocked(facts(PlanState::Running)), by));
        let expected = format!(
            "WRITES TO THE MOVING VNODES ARE REFUSED (12 s so far), and nobody ends that: {who} Type now: reshard \
             resume split.plan"
        );
        assert_eq!(flat(shown.split("\n\n").next().unwrap()), expected);
        assert!(shown.contains("\n    reshard resume split.plan\n"), "{shown}");
    }
}

#[test]
fn what_goes_on_has_units() {
    let mut facts = facts(PlanState::Running);
    facts.activity = Some(Activity {
        phase: "block-writes".to_owned(),
        what: "copy".to_owned(),
        since: ago(10),
        hint: Some("wait".into()),
        progress: Some(Progress { done: 100 << 20, total: 400 << 20, unit: "bytes".to_owned() }),
    });
    let shown = screen(&facts);
    assert!(
        shown.contains("block-writes: copy, for 10 s, 100 MiB of 400 MiB (10 MiB/s)"),
        "{shown}"
    );
    assert!(shown.contains("you can wait"), "{shown}");
    // 30 s for the rest of it, and 100 s as predicted for what follows.
    assert!(
        shown.contains("1 of 3 phases are done; about 2 min 10 s to go, until 12:02 UTC"),
        "{shown}"
    );
    facts.activity.as_mut().unwrap().progress =
        Some(Progress { done: 2000, total: 123_456, unit: "rows".to_owned() });
    assert!(screen(&facts).contains("2,000 of 123,456 rows (200/s)"), "{}", screen(&facts));
    // Without progress it is the prediction, less what was spent.
    facts.activity = None;
    assert!((View::of(&facts).remaining_seconds.unwrap() - 108.0).abs() < 1e-9);
}

#[test]
fn a_phase_that_has_not_said_what_it_does_is_not_taken_for_the_one_before() {
    let mut facts = facts(PlanState::Running);
    let activity = |phase: &str| Activity {
        phase: phase.to_owned(),
        what: "ask".to_owned(),
        since: ago(5),
        hint: None,
        progress: None,
    };
    facts.activity = Some(activity("preflight"));
    assert_eq!(View::of(&facts).now.unwrap().what, "do what block-writes does");
    facts.activity = Some(activity("block-writes"));
    assert_eq!(View::of(&facts).now.unwrap().what, "ask");
    facts.report.phases[1].state = PhaseState::Undoing;
    facts.activity = Some(activity("preflight"));
    assert_eq!(View::of(&facts).now, None);
    facts.report.state = held();
    facts.activity = Some(activity("block-writes"));
    assert_eq!(View::of(&facts).now, None, "nothing goes on while the plan is held");
}

#[test]
fn a_hold_says_cause_place_and_remedy_in_that_order() {
    let mut facts = executed(facts(held()), Liveness::Nobody);
    facts.trouble = Some(Entry {
        at: ago(90),
        phase: "drain".to_owned(),
        kind: EntryKind::Hold,
        text: "the new peers do not follow".into(),
    });
    let shown = flat(&screen(&facts));
    let state = "state HELD in drain: the new peers do not follow to do see that they do; then `reshard resume split.plan`";
    assert!(shown.contains(state), "{shown}");
    assert!(shown.contains(" held 90 s ago ") && !shown.contains("trouble"), "{shown}");
}

#[test]
fn an_old_copy_says_where_the_latest_file_is_and_nothing_else_can_be_done() {
    let mut old = blocked(executed(facts(PlanState::Paused), Liveness::Nobody));
    let by = Epoch {
        token: 4,
        claimed: 4,
        entries: 90,
        state: PlanState::Done,
        file: "/var/tmp/split.plan".to_owned(),
        host: "headnode".to_owned(),
        pid: 77,
        source: "2.moray.lab.example.net".to_owned(),
        targets: vec!["3.moray.lab.example.net".to_owned()],
        told: ago(60),
        writes_refused_since: None,
    };
    old.copy = FileCopy::Overtaken { by: Box::new(by) };
    assert_eq!(View::of(&old).situation, Situation::Overtaken);
    assert_eq!(commands(&old), ["reshard status /var/tmp/split.plan"]);
    let shown = flat(&screen(&old));
    let words = "file NOT THE LATEST: process 77 on headnode, with the file /var/tmp/split.plan, knew more 60 s ago.";
    assert!(shown.contains(words), "{shown}");
    assert!(
        !shown.contains("REFUSED"),
        "what an old copy says of writes is not true any more: {shown}"
    );
    for (copy, words) in [
        (FileCopy::NotAsked { why: "no answer".to_owned() }, "ZooKeeper does not tell whether"),
        (FileCopy::Latest, "file no other copy of it knows more"),
        (FileCopy::Unknown, "ZooKeeper knows nothing of this plan"),
    ] {
        let shown = flat(&screen(&Facts { copy, ..facts(PlanState::Running) }));
        assert!(shown.contains(words), "{shown}");
    }
}

#[test]
fn the_document_has_what_the_screen_has() {
    let document = |facts: &Facts| json!(View::of(facts));
    let running = document(&blocked(facts(PlanState::Running)));
    let writes = json!({"refused": true, "since_seconds": 12.0, "left_seconds": 18.0});
    assert_eq!(running["writes"], writes);
    assert_eq!((&running["state"], &running["situation"]), (&json!("running"), &json!("running")));
    assert_eq!(running["executor"]["liveness"], "alive");
    assert_eq!(running["executor"]["pid"], 4711);
    assert_eq!(
        running["phases"][2],
        json!({
            "name": "drain", "title": "do what drain does", "state": null, "seconds": null,
            "predicted_seconds": 100.0, "attempts": 0,
        })
    );
    let dead = document(&executed(blocked(facts(PlanState::Running)), dead()));
    assert_eq!(dead["writes"]["left_seconds"], Value::Null, "nobody keeps the budget");
    assert_eq!(
        (&dead["situation"], &dead["executor"]["liveness"]),
        (&json!("abandoned"), &json!("dead"))
    );
    assert_eq!(dead["commands"][0]["command"], "reshard resume split.plan");
    let held = document(&facts(held()));
    assert_eq!(
        (&held["state"], &held["phase"], &held["remedy"]),
        (
            &json!("held"),
            &json!("drain"),
            &json!("see that they do; then `reshard resume split.plan`")
        )
    );
}

#[test]
fn a_line_of_a_pipe_changes_only_with_the_plan() {
    let mut facts = blocked(facts(PlanState::Running));
    let line = text::summary(&View::of(&facts));
    let expected =
        "running: block-writes: do what block-writes does; WRITES TO THE MOVING VNODES ARE REFUSED";
    assert_eq!(line, expected);
    facts.now = now() + SignedDuration::from_secs(3);
    assert_eq!(text::summary(&View::of(&facts)), line);
}

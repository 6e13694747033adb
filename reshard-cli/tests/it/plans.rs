//! A plan without a region: what `reshard` tells of it, and the rings that it makes of it, without a network.

use std::fs;
use std::io::{BufRead, BufReader};

use reshard_core::{
    Activity, Entry, EntryKind, Journal, Mode, PhaseRecord, PhaseState, Plan, PlanState, Presence,
    SqliteJournal, TimeSpan, quantity,
};
use serde_json::json;

use crate::sealed::Sealed;

const PLAN: &str = include_str!("../../testdata/reshard/split-plan.json");
/// The moving vnodes.
const MOVING: usize = 16;

/// A sealed directory with the plan as `split.plan`, and its store.
fn planned() -> (Sealed, SqliteJournal) {
    let sealed = Sealed::new();
    let plan: Plan = serde_json::from_str(PLAN).unwrap();
    let store = SqliteJournal::create(&sealed.path().join("split.plan"), &plan).unwrap();
    (sealed, store)
}

async fn begin(store: &SqliteJournal, phase: &str, state: PhaseState) {
    let time = TimeSpan::begun_at("2026-01-31T12:00:00Z".parse().unwrap());
    let record = PhaseRecord { state, time, attempts: 1 };
    store.set_phase(phase, &record).await.unwrap();
}

fn with_ring() -> (Sealed, SqliteJournal) {
    let (sealed, store) = planned();
    let pnodes = "tcp://1.moray.lab.example.net:2020,tcp://2.moray.lab.example.net:2020";
    sealed.fash(&format!("create -v 64 -p {pnodes} -b leveldb -l ring")).quiet();
    (sealed, store)
}

#[test]
fn a_dry_run_needs_no_region_and_prints_data() {
    let (sealed, _store) = planned();
    let run = sealed.reshard("run split.plan --dry-run").quiet();
    assert!(run.contains("What is going to be done"), "{run}");
    let document = sealed.reshard("resume split.plan --dry-run -o json").json();
    assert_eq!(document["request"]["source"], "2.moray.lab.example.net");
    let step = sealed.reshard("peers provision split.plan --dry-run").quiet();
    assert_eq!(step.lines().filter(|line| line.starts_with("make postgres/3/")).count(), 3);
    assert!(step.contains("\nwrites: instances and zones"), "{step}");
    let document = sealed.reshard("ring block split.plan --dry-run -o json").json();
    assert_eq!(document["phase"], "block-writes");
    assert_eq!(document["about"]["rfd103"], "4");
    assert!(document["actions"].is_array());
}

#[test]
fn what_changes_something_asks_first() {
    let (sealed, _store) = planned();
    for (line, question) in [
        ("run split.plan", "Carry the plan out?"),
        ("ring publish split.plan", "Go on?"),
        ("abort split.plan", "Roll back everything that the plan did?"),
    ] {
        let stderr = sealed.reshard(line).refused();
        assert!(stderr.contains("nothing was done"), "{line}: {stderr}");
        let answer = format!("{question} With --yes, the answer is yes");
        assert!(stderr.contains(&answer), "{line}: {stderr}");
    }
}

#[tokio::test]
async fn an_abort_tells_what_it_takes_back_until_it_is_too_late() {
    let (sealed, store) = planned();
    let line = "abort split.plan --dry-run -o json";
    assert_eq!(sealed.reshard(line).json(), json!({ "rolled_back": [] }));
    store.set_state(&PlanState::Running).await.unwrap();
    for phase in ["preflight", "reserve-names", "freeze-source"] {
        begin(&store, phase, PhaseState::Done).await;
    }
    begin(&store, "lock-dumps", PhaseState::Begun).await;
    let names = sealed.reshard(line).json()["rolled_back"].clone();
    assert_eq!(names, json!(["lock-dumps", "freeze-source", "reserve-names", "preflight"]));
    begin(&store, "publish-ring", PhaseState::Begun).await;
    let why = |line: &str| sealed.reshard(line).failure()["error"].to_string();
    let error = why(line);
    assert!(error.contains("cannot be rolled back: publish-ring has begun"), "{error}");
    store.set_state(&PlanState::Done).await.unwrap();
    assert!(why(line).contains("is over: it is done"));
}

#[tokio::test]
async fn the_status_tells_what_the_present_phase_does() {
    let (sealed, store) = planned();
    store.set_state(&PlanState::Running).await.unwrap();
    let activity = |phase: &str, what: &str| Activity {
        phase: phase.to_owned(),
        what: what.to_owned(),
        since: "2026-01-31T12:00:01Z".parse().unwrap(),
        hint: None,
        progress: None,
    };
    let now = || {
        let shown = sealed.reshard("status split.plan").quiet();
        shown.lines().find_map(|line| line.strip_prefix("was at    ").map(str::to_owned))
    };
    begin(&store, "stage-rings", PhaseState::Begun).await;
    store.set_activity(Some(&activity("stage-rings", "put rings there"))).await.unwrap();
    assert!(now().unwrap().starts_with("stage-rings: put rings there, for "), "{:?}", now());
    begin(&store, "stage-rings", PhaseState::Done).await;
    assert_eq!(now(), None);
    begin(&store, "recheck", PhaseState::Begun).await;
    let title = "recheck: check everything once more, for ";
    assert!(now().unwrap().starts_with(title), "{:?}", now());
    begin(&store, "recheck", PhaseState::Undoing).await;
    assert_eq!(now(), None);
}

/// A process that is no more.
fn dead_process() -> u32 {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    child.id()
}

#[tokio::test]
async fn with_the_executor_dead_in_the_write_block_the_status_shouts() {
    let (sealed, store) = planned();
    let now = jiff::Timestamp::now();
    let began = now - jiff::SignedDuration::from_secs(20);
    store.set_state(&PlanState::Running).await.unwrap();
    begin(&store, "block-writes", PhaseState::Done).await;
    begin(&store, "split-shard", PhaseState::Begun).await;
    let block = json!({"began": began, "ended": null, "moved": false});
    store.set_fact("write-block", Some(&block)).await.unwrap();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let pid = dead_process();
    let executor =
        Presence { token: 1, host, pid, session: 7, since: began, heartbeat: began, left: None };
    store.claim(&executor).await.unwrap();
    let shown = sealed.reshard("status split.plan").quiet();
    let first: Vec<&str> = shown.lines().take_while(|line| !line.is_empty()).collect();
    let words = first.join(" ");
    assert!(words.starts_with("WRITES TO THE MOVING VNODES ARE REFUSED (2"), "{shown}");
    assert!(words.contains(&format!("process {pid} on")) && words.contains("is dead"), "{shown}");
    assert_eq!(first.last(), Some(&"    reshard resume split.plan"), "{shown}");
    let document = sealed.reshard("status split.plan -o json").json();
    assert_eq!(document["writes"]["refused"], true);
    assert_eq!(document["executor"]["liveness"], "dead");
    assert_eq!(document["commands"][0]["command"], "reshard resume split.plan");
    // With a configuration that is not where it usually is, the command says so.
    let elsewhere = sealed.reshard("status split.plan -c lab.toml").quiet();
    assert!(
        elsewhere.contains("\n    reshard resume split.plan --config lab.toml\n"),
        "{elsewhere}"
    );
}

#[tokio::test]
async fn whoever_watches_in_a_pipe_gets_a_line_for_each_change_until_the_plan_stops() {
    let (sealed, store) = planned();
    store.set_state(&PlanState::Running).await.unwrap();
    begin(&store, "stage-rings", PhaseState::Begun).await;
    let mut watching = sealed.command(env!("CARGO_BIN_EXE_reshard"));
    watching.args(["status", "split.plan", "--watch"]).stdout(std::process::Stdio::piped());
    let mut watching = watching.spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut next = || lines.next().map(Result::unwrap);
    assert!(next().unwrap().contains("interrupted: stage-rings: "));
    begin(&store, "stage-rings", PhaseState::Done).await;
    begin(&store, "recheck", PhaseState::Begun).await;
    assert!(next().unwrap().contains("interrupted: recheck: "));
    store.set_state(&PlanState::Done).await.unwrap();
    assert!(next().unwrap().ends_with(" done"));
    assert_eq!(next(), None);
    assert!(watching.wait().unwrap().success());
}

#[tokio::test]
async fn screens_fit_80_columns_and_those_who_want_it_otherwise_say_so() {
    let (sealed, store) = planned();
    let fits = |line: &str| {
        let shown = sealed.reshard(line).quiet();
        let longest = shown.lines().max_by_key(|line| line.chars().count()).unwrap();
        assert!(longest.chars().count() <= 80, "reshard {line}: {longest}");
    };
    for line in ["plan show split.plan", "run split.plan --dry-run", "phases", "phases --long"] {
        fits(line);
    }
    fits("status split.plan");
    store.set_state(&PlanState::Running).await.unwrap();
    begin(&store, "preflight", PhaseState::Done).await;
    begin(&store, "reserve-names", PhaseState::Begun).await;
    let text =
        "somebody should look at what the new peers have, for it is not what they had ".repeat(3);
    for kind in [EntryKind::Trouble, EntryKind::Note, EntryKind::Hold] {
        let (at, phase) = (jiff::Timestamp::now(), "preflight".to_owned());
        store.append(&Entry { at, phase, kind, text: text.as_str().into() }, None).await.unwrap();
    }
    for line in ["status split.plan", "resume split.plan --dry-run", "report split.plan"] {
        fits(line);
    }
    // A log in a pipe has a line for each entry.
    assert_eq!(sealed.reshard("log split.plan").quiet().lines().count(), 3);
    let with = |variable: &str, value: &str| {
        let mut command = sealed.command(env!("CARGO_BIN_EXE_reshard"));
        let output = command.args(["status", "split.plan"]).env(variable, value).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    // Commands and tables need what they need; what can be broken is.
    let trouble = |screen: &str| {
        let line = screen.lines().find(|line| line.starts_with("trouble")).unwrap();
        line.chars().count()
    };
    assert!(trouble(&with("COLUMNS", "60")) <= 60, "{}", with("COLUMNS", "60"));
    assert!(trouble(&with("COLUMNS", "100")) > 80, "{}", with("COLUMNS", "100"));
    assert!(with("CLICOLOR_FORCE", "1").contains("\u{1b}["));
    assert!(!with("NO_COLOR", "1").contains('\u{1b}'));
    assert!(!with("TERM", "xterm").contains('\u{1b}'), "colour in a pipe");
}

#[tokio::test]
async fn what_is_left_to_do_is_shown_before_a_plan_goes_on() {
    let (sealed, store) = planned();
    let all = sealed.reshard("resume split.plan --dry-run").quiet();
    assert!(all.contains("What is going to be done"), "{all}");
    store.set_state(&PlanState::Paused).await.unwrap();
    for phase in ["preflight", "reserve-names", "plant-canaries", "freeze-source", "lock-dumps"] {
        begin(&store, phase, PhaseState::Done).await;
    }
    begin(&store, "provision-peers", PhaseState::Begun).await;
    let rest = sealed.reshard("resume split.plan --dry-run").quiet();
    assert!(rest.starts_with("What is left to do"), "{rest}");
    let has = |line: &str| {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        rest.lines().any(|shown| words(shown).starts_with(line))
    };
    assert!(has("provision-peers (begun) make postgres/3/0"), "{rest}");
    assert!(!rest.contains("freeze-source") && has("* drain "), "{rest}");
    let blocked = store.plan().await.unwrap().prediction.write_block_seconds;
    let words = format!("Writes will be refused for about {}", quantity::seconds(blocked));
    assert!(rest.contains(&words), "{rest}");
    for phase in Mode::Rfd103.sequence().unwrap().blocked() {
        begin(&store, phase.name(), PhaseState::Done).await;
    }
    let document = sealed.reshard("resume split.plan --dry-run -o json").json();
    assert_eq!(document["write_block_seconds"], json!(null));
    assert_eq!(document["phases"][0]["phase"], "provision-peers");
    let rest = sealed.reshard("resume split.plan --dry-run").quiet();
    assert!(rest.contains("Writes will not be refused any more"), "{rest}");
}

#[tokio::test]
async fn the_log_is_narrowed_and_followed_to_the_end_of_the_plan() {
    let (sealed, store) = planned();
    let log = async |at: &str, phase: &str| {
        let (at, phase) = (at.parse().unwrap(), phase.to_owned());
        store
            .append(&Entry { at, phase, kind: EntryKind::Note, text: "seen".into() }, None)
            .await
            .unwrap();
    };
    log("2026-01-31T12:00:00Z", "preflight").await;
    log("2026-01-31T12:10:00Z", "drain").await;
    log("2026-01-31T12:20:00Z", "preflight").await;
    let lines = |line: &str| sealed.reshard(line).quiet().lines().count();
    assert_eq!(lines("log split.plan"), 3);
    assert_eq!(lines("log split.plan --phase preflight"), 2);
    assert_eq!(lines("log split.plan --since 2026-01-31T12:05:00Z --phase preflight"), 1);
    assert_eq!(lines("log split.plan --since 1h"), 0);
    assert!(sealed.reshard("log split.plan --since soon").refused().contains("nor how long ago"));
    assert!(sealed.reshard("log split.plan --phase x").refused().contains("no phase x"));
    let mut following = sealed.command(env!("CARGO_BIN_EXE_reshard"));
    following.args(["log", "split.plan", "-f", "--phase", "drain"]);
    let mut following = following.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().ends_with("12:10:00 drain: note: seen"));
    log("2026-01-31T12:30:00Z", "drain").await;
    assert!(lines.next().unwrap().unwrap().ends_with("12:30:00 drain: note: seen"));
    store.set_state(&PlanState::Aborted).await.unwrap();
    assert!(lines.next().is_none());
    assert!(following.wait().unwrap().success());
}

#[tokio::test]
async fn rows_are_verified_only_after_they_moved() {
    let (sealed, store) = planned();
    begin(&store, "publish-ring", PhaseState::Begun).await;
    let stderr = sealed.reshard("rows verify split.plan").refused();
    assert!(stderr.contains("has not moved anything yet"), "{stderr}");
}

#[test]
fn the_rings_of_a_plan_are_made_without_a_region() {
    let (sealed, _store) = with_ring();
    let line = |end: &str| format!("ring remap split.plan ring {end} -o json");
    let dry = sealed.reshard(&line("none --dry-run")).json();
    assert!(!sealed.path().join("none").exists());
    let target = sealed.reshard(&line("target")).json();
    assert_eq!(dry, target);
    let added = json!(["tcp://3.moray.lab.example.net:2020"]);
    assert_eq!(target, json!({"moved": MOVING, "data_changed": 0, "pnodes_added": added}));
    let ro = sealed.reshard(&line("ro --read-only")).json();
    assert_eq!(ro, json!({"moved": 0, "data_changed": MOVING, "pnodes_added": []}));
    let handover = sealed.reshard(&line("handover --handover")).json();
    assert_eq!((&handover["moved"], &handover["data_changed"]), (&json!(16), &json!(16)));

    for (ring, pnodes, marked) in [("ring", 2, 0), ("target", 3, 0), ("ro", 2, 16)] {
        let read = |command: &str| sealed.fash(&format!("{command} -l {ring} --json")).json();
        assert_eq!(read("get-pnodes -b leveldb").as_array().unwrap().len(), pnodes, "{ring}");
        let data = read("get-data-vnodes");
        assert_eq!(data["vnodeArray"].as_array().unwrap().len(), marked, "{ring}");
        assert_eq!(read("audit")["sound"], true, "{ring}");
    }
    let stderr = sealed.reshard("ring remap split.plan target other").refused();
    assert!(stderr.contains("this is not the ring that plan"), "{stderr}");
    let stderr = sealed.reshard("ring remap split.plan ring target").refused();
    assert!(stderr.contains("target already exists"), "{stderr}");
}

#[test]
fn a_ring_is_packed_with_a_stamp() {
    let (sealed, _store) = with_ring();
    assert_eq!(sealed.reshard("ring pack ring ring.tgz --dry-run").quiet(), "the ring is sound\n");
    assert!(!sealed.path().join("ring.tgz").exists());
    let packed = sealed.reshard("ring pack ring ring.tgz -o json").json();
    let line = format!("unpack --sha1 {} ring.tgz unpacked", packed["sha1"].as_str().unwrap());
    sealed.fash(&line).quiet();
    let stamp = sealed.path().join("unpacked/manta_hash_ring_stamp.json");
    let stamp: serde_json::Value = serde_json::from_slice(&fs::read(stamp).unwrap()).unwrap();
    assert_eq!(stamp["image_uuid"], packed["image"]);
    let image = "f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d";
    let again = sealed.reshard("ring pack ring ring.tgz -o json").json();
    assert_eq!(again, packed, "the same ring in the same file is the same image");
    let named = sealed.reshard(&format!("ring pack ring named.tgz --image {image}")).quiet();
    assert!(named.starts_with(&format!("image {image}\nsha1  ")), "{named}");
    let bare = sealed.reshard("ring pack ring bare.tgz --no-stamp -o json").json();
    assert_eq!(bare["image"], json!(null));
}

//! A plan without a region: what `reshard` tells of it, and the rings that it makes of it, without a network.

use std::fs;

use reshard_core::{Activity, PhaseRecord, PhaseState, Plan, PlanState, SqliteStore, Store};
use serde_json::json;

use crate::sealed::Sealed;

const PLAN: &str = include_str!("../../testdata/reshard/split-plan.json");
/// The moving vnodes.
const MOVING: usize = 16;

/// A sealed directory with the plan as `split.plan`, and its store.
fn planned() -> (Sealed, SqliteStore) {
    let sealed = Sealed::new();
    let plan: Plan = serde_json::from_str(PLAN).unwrap();
    let store = SqliteStore::create(&sealed.path().join("split.plan"), &plan).unwrap();
    (sealed, store)
}

fn begin(store: &SqliteStore, phase: &str, state: PhaseState) {
    let began = "2026-01-31T12:00:00Z".parse().unwrap();
    let (began_reading, took_millis) = (None, None);
    let record = PhaseRecord { state, began, began_reading, ended: None, took_millis, attempts: 1 };
    store.set_phase(phase, &record).unwrap();
}

fn with_ring() -> (Sealed, SqliteStore) {
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
    for line in ["run split.plan", "ring publish split.plan", "abort split.plan"] {
        let stderr = sealed.reshard(line).refused();
        assert!(stderr.contains("say it with --yes"), "{line}: {stderr}");
    }
}

#[test]
fn an_abort_tells_what_it_takes_back_until_it_is_too_late() {
    let (sealed, store) = planned();
    let line = "abort split.plan --dry-run -o json";
    assert_eq!(sealed.reshard(line).json(), json!({ "taken_back": [] }));
    store.set_state(&PlanState::Running).unwrap();
    for phase in ["preflight", "reserve-names", "freeze-source"] {
        begin(&store, phase, PhaseState::Done);
    }
    begin(&store, "lock-dumps", PhaseState::Begun);
    let names = sealed.reshard(line).json()["taken_back"].clone();
    assert_eq!(names, json!(["lock-dumps", "freeze-source", "reserve-names", "preflight"]));
    begin(&store, "publish-ring", PhaseState::Begun);
    let stderr = sealed.reshard(line).refused();
    assert!(stderr.contains("cannot be taken back: publish-ring has begun"), "{stderr}");
    store.set_state(&PlanState::Done).unwrap();
    assert!(sealed.reshard(line).refused().contains("is over: it is done"));
}

#[test]
fn the_status_tells_what_the_present_phase_does() {
    let (sealed, store) = planned();
    store.set_state(&PlanState::Running).unwrap();
    let activity = |phase: &str, what: &str| Activity {
        phase: phase.to_owned(),
        what: what.to_owned(),
        since: "2026-01-31T12:00:01Z".parse().unwrap(),
        you_can: None,
        progress: None,
    };
    let now = || {
        let shown = sealed.reshard("status split.plan").quiet();
        shown.lines().find_map(|line| line.strip_prefix("now: ").map(str::to_owned))
    };
    begin(&store, "stage-rings", PhaseState::Begun);
    store.set_activity(Some(&activity("stage-rings", "put rings there"))).unwrap();
    assert!(now().unwrap().starts_with("stage-rings: put rings there, since "), "{:?}", now());
    begin(&store, "stage-rings", PhaseState::Done);
    assert_eq!(now(), None);
    begin(&store, "recheck", PhaseState::Begun);
    let title = "recheck: check once more before writes are refused, since ";
    assert!(now().unwrap().starts_with(title), "{:?}", now());
    begin(&store, "recheck", PhaseState::Undoing);
    assert_eq!(now(), None);
}

#[test]
fn rows_are_verified_only_after_they_moved() {
    let (sealed, store) = planned();
    begin(&store, "publish-ring", PhaseState::Begun);
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

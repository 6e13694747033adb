//! Executors that die, and phases that are run again: a plan gets to its end all the same.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use reshard_core::{Journal, Outcome, PhaseRecord, PhaseState, PlanState, Request, SqliteJournal};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::started::{Region, guarded, half, small};

#[tokio::test(flavor = "multi_thread")]
async fn every_phase_is_killed_in_the_middle_and_run_again_at_its_end() {
    crash_in_every_phase(half).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_phase_of_the_guarded_mode_is_killed_in_the_middle_and_run_again_at_its_end() {
    crash_in_every_phase(guarded).await;
}

async fn crash_in_every_phase(request: fn(&Region) -> Request) {
    let region = Region::start(small(), 100.0).await;
    let store = region.plan("killed.plan", request(&region)).await;
    let sequence = store.plan().await.unwrap().sequence().unwrap();
    let path = region.file("killed.plan");
    let plan = path.to_str().unwrap();
    // Whatever is written at a new shard after this is its own: it has to be known before a router leads there.
    let end_of_copying = async || store.facts().await.unwrap().get("copies-end/0").cloned();
    let (mut known, mut works, mut interrupted) = (None, 0, 0);
    for phase in &sequence {
        let name = phase.name();
        kill_in(&region, plan, name).await;
        works += u32::from(is_private(plan));
        // A journal that is open already takes no word from whoever had it before.
        let store = Arc::new(SqliteJournal::open(&path).unwrap());
        let executor = region.executor(&store).await;
        let first = executor.step(name).await.unwrap();
        assert!(matches!(first, Outcome::Paused { .. } | Outcome::Done), "{name}: {first:?}");
        let attempts = store.phases().await.unwrap()[name].attempts;
        interrupted += usize::from(attempts >= 2);
        if name == "split-shard" {
            known = end_of_copying().await;
        }
        if first == Outcome::Done {
            // ZooKeeper knows that, so a file that does not would be an older copy.
            break;
        }
        forget_that_it_is_done(&store, name).await;
        assert_eq!(executor.step(name).await.unwrap(), first, "{name}, again");
        assert_eq!(store.phases().await.unwrap()[name].attempts, attempts + 1, "{name}");
    }
    assert!(works > 0, "no executor left anything behind to work with");
    // Some phases are over before a signal gets there: those were run once.
    assert!(interrupted >= sequence.iter().len() / 2, "only {interrupted} were interrupted");
    assert_eq!(store.state().await.unwrap(), PlanState::Done);
    assert!(known.is_some() && known == end_of_copying().await, "{known:?}");
    region.end_without_ghosts().await;
}

/// As after a crash between the end of a phase's work and the journal's knowing of it.
async fn forget_that_it_is_done(store: &Arc<SqliteJournal>, name: &str) {
    let record = store.phases().await.unwrap()[name].clone();
    let (state, time) = (PhaseState::Begun, record.time.reopened());
    let record = PhaseRecord { state, time, ..record };
    store.set_phase(name, &record).await.unwrap();
    store.set_state(&PlanState::Running).await.unwrap();
}

/// Nobody but its owner reads a plan or what is beside it. Tells whether there is anything.
fn is_private(plan: &str) -> bool {
    let mode = |place: &str| {
        let found = std::fs::metadata(place).ok()?;
        Some(found.permissions().mode() & 0o777)
    };
    assert_eq!(mode(plan), Some(0o600), "{plan}");
    let work = mode(&format!("{plan}.work"));
    assert!(work.is_none_or(|mode| mode == 0o700), "{plan}.work: {work:?}");
    work.is_some()
}

/// As when the machine dies: nobody is left to end the write block.
fn kill_watchdog(plan: &str) {
    let log = std::fs::read_to_string(format!("{plan}.work/watchdog.log")).unwrap_or_default();
    let stands_by = |line: &str| {
        let (_, said) = line.split_once("process ")?;
        said.split_once(" stands by")?.0.parse::<i32>().ok()
    };
    let Some(pid) = log.lines().filter_map(stands_by).next_back() else { return };
    let cmdline = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    if cmdline.contains("\0watchdog\0") {
        // It may end by itself meanwhile.
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).ok();
    }
}

/// Goes on with the plan until it says that it is in the phase, and kills it then.
async fn kill_in(region: &Region, plan: &str, phase: &str) {
    let mut command = region.reshard(&["resume", "--yes", plan]);
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    let begins = format!(" {phase}: ");
    while let Some(line) = lines.next_line().await.unwrap() {
        let is_there = line.contains(&begins);
        said.push(line);
        if is_there {
            child.kill().await.unwrap();
            kill_watchdog(plan);
            println!("killed in {phase}");
            return;
        }
    }
    panic!("{phase} did not begin:\n{}", said.join("\n"));
}

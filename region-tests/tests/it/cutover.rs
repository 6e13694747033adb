//! Executors that are killed at each step of a guarded cutover, under load.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::Duration;

use manatee_client::ShardName;
use reshard_core::{Controls, Journal, Outcome, PlanState, SqliteJournal};
use tokio::process::Command;

use super::served::now;
use super::started::{Region, guarded, small};

/// The longest that requests may wait for an attempt to cut over, in seconds.
const BUDGET: u64 = 2;
/// The longest that requests may fail once an executor is dead that has not sealed the source: the time-out of its gate's session,
/// the budget, and a second; and a while for a machine that has much else to do.
const SERVED_AGAIN: Duration = Duration::from_secs(2 * BUDGET + BUDGET + 1 + 8);
/// The steps up to the seal: one that dies at the beginning of these needs nobody.
const BEFORE: [&str; 9] =
    ["look", "session", "gate", "quiet", "fence", "drain", "compare", "standby", "seal"];
/// The steps from the seal on: in cutovers of two moves, and of the way back of three.
const FORTH: [&str; 2] = ["sequences", "note"];
const BACK: [&str; 3] = ["check", "open", "confirm"];

#[tokio::test(flavor = "multi_thread")]
async fn the_executor_is_killed_at_every_step() {
    let region = Region::start(small(), 40.0).await;
    let request = guarded(&region).with_new_shards(3).with_budget_seconds(BUDGET);
    let store = region.plan("killed.plan", request).await;
    let plan = region.file("killed.plan");
    let mut unrehearsed = |controls: &mut Controls| {
        controls.tuning.rehearsals = 0;
        controls.pause_before = Some("cut-over".to_owned());
    };
    store.update_controls(&mut unrehearsed).await.unwrap();
    let ended = region.executor(&store).await.run().await.unwrap();
    assert_eq!(ended, Outcome::Paused { phase: "cut-over".to_owned() });
    let names = store.plan().await.unwrap();
    let names: Vec<ShardName> = names.targets().iter().map(|target| target.name.clone()).collect();

    // Its vnodes are the first to go.
    let first = &names[..1];
    for step in BEFORE {
        let died = die_at(&region, &plan, "resume", step).await;
        is_loud(&region, &plan, "resume").await;
        let took = region.served(first, died).await;
        assert!(took < SERVED_AGAIN, "{step}: {took:?}");
    }
    let source = store.plan().await.unwrap().source().clone();
    die_alone_at(&region, &plan, "drain").await;
    let left = format!("in the middle of cut-over; the vnodes of {0} are at {source}", names[0]);
    rescued(&region, &store, &left).await;

    for (done, step) in FORTH.into_iter().enumerate() {
        let died = die_at(&region, &plan, "resume", step).await;
        is_loud(&region, &plan, "resume").await;
        if done > 0 {
            // Whoever goes on has finished those before.
            region.served(&names[..done], died).await;
        }
    }
    // The third move: nobody resumes, and its watchdog finishes it.
    die_alone_at(&region, &plan, "switch").await;
    let left = names.iter().map(|name| format!("the vnodes of {name} are at {name}"));
    rescued(&region, &store, &left.collect::<Vec<_>>().join(", ")).await;
    let died = now();
    let moved = region.reshard(&["resume", "--yes", "--hold-at", "moved", path(&plan)]);
    assert_eq!({ moved }.output().await.unwrap().status.code(), Some(4), "paused");
    region.served(&names, died).await;

    for step in BACK {
        die_at(&region, &plan, "rollback", step).await;
        is_loud(&region, &plan, "abort").await;
    }
    region.output(&["rollback", "--yes", path(&plan)]).await;
    assert_eq!(store.state().await.unwrap(), PlanState::Aborted);
    region.end().await;
}

/// The status tells of a cutover that was left before anything else, with the command to type.
async fn is_loud(region: &Region, plan: &Path, command: &str) {
    let command = format!("reshard {command} ");
    let told = async || {
        let output = region.output(&["status", path(plan)]).await;
        let said = String::from_utf8(output.stdout).unwrap();
        let alarm = said.split("\n\n").next().unwrap();
        assert!(alarm.starts_with("CUT-OVER WAS LEFT HALF DONE"), "{said}");
        // The watchdog that was killed is taken for alive until its files are closed.
        alarm.contains(&command).then_some(())
    };
    region.until("what to type", told).await;
}

fn path(plan: &Path) -> &str {
    plan.to_str().unwrap()
}

/// Goes on with the plan, with an executor that dies as soon as a step begins, and its watchdog with it. Returns the time then.
async fn die_at(region: &Region, plan: &Path, verb: &str, step: &str) -> u64 {
    let dies = dying(region, plan, verb, step);
    dies_now(dies, step).await
}

/// The same, and its watchdog lives on.
async fn die_alone_at(region: &Region, plan: &Path, step: &str) {
    let mut dies = dying(region, plan, "resume", step);
    dies.env("RESHARD_DIES_ALONE", "");
    dies_now(dies, step).await;
}

fn dying(region: &Region, plan: &Path, verb: &str, step: &str) -> Command {
    let program = env!("CARGO_BIN_EXE_reshard-dying");
    let mut command = region.command(program, &[verb, "--yes", path(plan)]);
    command.env("RESHARD_DIES_AT", step);
    command
}

async fn dies_now(mut dying: Command, step: &str) -> u64 {
    let output = dying.output().await.unwrap();
    assert_eq!(output.status.signal(), Some(9), "{step}: {output:#?}");
    println!("killed at {step}");
    now()
}

/// Waits until the plan holds with these words, and nobody's takeover is in the way.
async fn rescued(region: &Region, store: &SqliteJournal, words: &str) {
    let held = region.until("the watchdog", async || {
        let state = store.state().await.unwrap();
        if let PlanState::Held { what, .. } = state { Some(what) } else { None }
    });
    let what = held.await;
    println!("{what}");
    assert!(what.contains(words), "{what}");
    let source = region.deployment().await.shard(store.plan().await.unwrap().source().clone());
    let state = source.read_existing().await.unwrap().state;
    assert!(!state.is_frozen(), "{state:?}");
}

//! Executors that are ended while writes are refused (`dead-executor-status` of the field cases), and nobody who resumes.

use std::process::Stdio;
use std::time::{Duration, Instant};

use reshard_core::{Journal, OpenWriteBlock, PlanState, SqliteJournal, SystemClock};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use super::super::started::{Region, half, phases, small};

/// The longest refusal of writes after an executor's death: far less than any budget, also on a machine that has much else to do.
const SOON: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn writes_are_accepted_again_whatever_ends_the_executor() {
    let region = Region::start(small(), 60.0).await;
    let store = region.plan("killed.plan", half(&region)).await;
    let block = async || block_of(&store).await;
    for phase in phases().blocked() {
        if store.state().await.unwrap() == PlanState::Done {
            // An executor that dies where there is no way back leaves a watchdog that goes on to the end.
            break;
        }
        let mut executor = until_it_is_in(&region, "killed.plan", phase.name()).await;
        // It says that it begins before it does: outside the block there is nothing to rescue.
        let begun = async || {
            let done = store.state().await.unwrap() == PlanState::Done;
            (done || block().await.is_some()).then_some(())
        };
        region.until("refused writes", begun).await;
        executor.kill().await.unwrap();
        let died = Instant::now();
        region.until("the watchdog", async || block().await.is_none().then_some(())).await;
        println!("killed in {}: {:?}", phase.name(), died.elapsed());
        assert!(died.elapsed() < SOON, "{}: {:?}", phase.name(), died.elapsed());
        region.writes_are_accepted().await;
        let over = async || {
            let state = store.state().await.unwrap();
            matches!(state, PlanState::Held { .. } | PlanState::Done).then_some(state)
        };
        if let PlanState::Held { what, .. } = region.until("the watchdog's words", over).await {
            assert!(
                what.contains("was gone at") && what.contains("writes are accepted again"),
                "{what}"
            );
        }
    }
    assert_eq!(store.state().await.unwrap(), PlanState::Done);
    a_hangup_lets_the_write_block_end(&region).await;
    one_that_is_stopped_refuses_no_writes(&region, false).await;
    one_that_is_stopped_refuses_no_writes(&region, true).await;
    region.end_without_ghosts().await;
}

/// A session that is lost takes the terminal with it: nobody reads what is printed any more.
async fn a_hangup_lets_the_write_block_end(region: &Region) {
    let store = region.plan("hangup.plan", half(region)).await;
    let mut executor = until_it_is_in(region, "hangup.plan", "drain").await;
    let block = block_of(&store).await;
    assert!(matches!(block, Some(OpenWriteBlock { left: Some(_), .. })), "{block:?}");
    let pid = i32::try_from(executor.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::HUP).unwrap();
    let status = executor.wait().await.unwrap();
    assert_eq!(status.code(), Some(4), "it stops as after a pause: {:?}", store.state().await);
    let block = block_of(&store).await;
    assert!(block.is_none(), "{block:?}");
    assert_eq!(store.state().await.unwrap(), PlanState::Paused);
    region.output(&["resume", "--yes", region.file("hangup.plan").to_str().unwrap()]).await;
    assert_eq!(store.state().await.unwrap(), PlanState::Done);
}

/// It stands still: as if its machine slept, or somebody sent it a signal; perhaps in the middle of a write to the journal.
async fn one_that_is_stopped_refuses_no_writes(region: &Region, in_a_write: bool) {
    let name = if in_a_write { "locked.plan" } else { "stopped.plan" };
    let store = region.plan(name, half(region)).await;
    let mut executor = until_it_is_in(region, name, "drain").await;
    region.until("refused writes", async || block_of(&store).await.map(drop)).await;
    let pid = Pid::from_raw(i32::try_from(executor.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let lock = rusqlite::Connection::open(region.file(name)).unwrap();
    if in_a_write {
        lock.busy_timeout(SOON).unwrap();
        lock.execute_batch("begin exclusive").unwrap();
        // The watchdog ends it: a process that is stopped lets nothing go.
        let status = tokio::time::timeout(SOON, executor.wait()).await.unwrap().unwrap();
        assert_eq!(status.code(), None);
        lock.execute_batch("rollback").unwrap();
    }
    region.until("the watchdog", async || block_of(&store).await.is_none().then_some(())).await;
    region.writes_are_accepted().await;
    if !in_a_write {
        kill_process(pid, Signal::CONT).unwrap();
        let status = tokio::time::timeout(SOON, executor.wait()).await.unwrap().unwrap();
        assert_eq!(status.code(), Some(1), "it has been overtaken");
    }
    let over = async || (store.state().await.unwrap() != PlanState::Running).then_some(());
    region.until("the watchdog's words", over).await;
    region.output(&["abort", "--yes", region.file(name).to_str().unwrap()]).await;
    assert_eq!(store.state().await.unwrap(), PlanState::Aborted);
}

async fn block_of(store: &SqliteJournal) -> Option<OpenWriteBlock> {
    OpenWriteBlock::of(store, &store.plan().await.unwrap(), &phases(), &SystemClock).await.unwrap()
}

/// Goes on with a plan until it says that it is in a phase.
async fn until_it_is_in(region: &Region, plan: &str, phase: &str) -> Child {
    let path = region.file(plan);
    let mut command = region.reshard(&["resume", "--yes", path.to_str().unwrap()]);
    let mut executor = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(executor.stderr.take().unwrap()).lines();
    let (mut said, begins) = (Vec::new(), format!(" {phase}: "));
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains(&begins) {
            return executor;
        }
        said.push(line);
    }
    panic!("{phase} did not begin:\n{}", said.join("\n"));
}

//! A plan that is carried out phase by phase, in troubles.

use std::time::Duration;

use lab::Fault;
use reshard_core::{Ended, PlanState, Store, phases};

use super::super::started::{Region, small};
use super::region::{Cure, World};
use super::trouble::{Times, Trouble, is_met};
use super::{Row, Then};

/// How long anything may take, on a machine that has much else to do.
const DEADLINE: Duration = Duration::from_secs(150);
/// The phases after the point of no return in which writes are refused.
const NO_WAY_BACK: [&str; 2] = ["publish-ring", "install-ring"];

/// Carries a plan out. Before each phase its troubles are caused, in the order of the rows.
pub(super) async fn walk(rows: &[Row]) {
    let world = World::begin(Region::start(small(), 60.0).await).await;
    for phase in phases::rfd103() {
        for row in rows.iter().filter(|row| row.phase == phase.name()) {
            // What was taken back because of the row before is done again.
            world.done_before(phase.name()).await;
            meet(&world, row).await;
        }
        world.done_up_to(phase.name()).await;
    }
    assert_eq!(world.store.state().unwrap(), PlanState::Done);
    world.end().await;
}

/// Causes a trouble and has the phase meet it.
async fn meet(world: &World, row: &Row) {
    println!("{}: {:?}", row.phase, row.trouble);
    let began = std::time::Instant::now();
    let holds = matches!(row.then, Then::Holds(..));
    world.be_patient(!holds, &row.trouble);
    world.said.lock().unwrap().clear();
    let mut cure = Cure::Nothing;
    if began_with(&row.trouble).is_none() {
        cure = world.cause(&row.trouble).await;
    }
    let step = tokio::time::timeout(DEADLINE, world.executor.step(row.phase));
    let heal = async {
        if let Some(words) = began_with(&row.trouble) {
            world.eventually(words, async || world.was_told(words)).await;
            world.said.lock().unwrap().clear();
            cure = world.cause(&row.trouble).await;
        }
        if !holds && !ends_by_itself(&row.trouble) {
            world.eventually(&format!("{row:?} is met"), async || met(world, row).await).await;
            world.heal(&cure).await;
        }
    };
    let (ended, ()) = tokio::join!(step, heal);
    let ended = ended.unwrap_or_else(|_| panic!("{row:?}: {:?}", world.said.lock().unwrap()));
    let ended = ended.unwrap_or_else(|error| panic!("{row:?}: {error:?}"));
    println!("{}: {:?}: {ended:?} after {:?}", row.phase, row.trouble, began.elapsed());
    if let Then::Holds(says, remedy) = row.then {
        let Ended::Held { what, remedy: told, .. } = ended else { panic!("{row:?}: {ended:?}") };
        assert!(what.contains(says), "{row:?}: {what}");
        assert!(told.contains(remedy), "{row:?}: {told}");
        world.heal(&cure).await;
        if NO_WAY_BACK.contains(&row.phase) {
            assert!(what.contains("ARE STILL REFUSED"), "{row:?}: {what}");
        } else {
            world.writes_flow().await;
        }
        return;
    }
    assert!(matches!(ended, Ended::Paused { .. } | Ended::Done), "{row:?}: {ended:?}");
    // What ends by itself was met as often as it was to be.
    let left = world.region.control.faults().await.unwrap();
    assert_eq!(left, [], "{row:?} was not met");
}

/// Whether a trouble is over without anybody's doing.
fn ends_by_itself(trouble: &Trouble) -> bool {
    matches!(
        trouble,
        Trouble::Api(.., Times::Only(_)) | Trouble::Reprovisioned | Trouble::ZooKeeperRestarted
    )
}

/// What the operator reads in the phase before the trouble, if it does not begin before the phase.
fn began_with(trouble: &Trouble) -> Option<&'static str> {
    match trouble {
        Trouble::ZooKeeper(words) => Some(words),
        _ => None,
    }
}

/// Whether the phase has met the trouble: the operator sees it, or the API was asked.
async fn met(world: &World, row: &Row) -> bool {
    if let Then::Waits(words) = row.then {
        return world.was_told(words);
    }
    let faults = world.region.control.faults().await.unwrap();
    faults.iter().any(|active| matches!(&active.fault, Fault::Api { .. } if is_met(&active.fault)))
}

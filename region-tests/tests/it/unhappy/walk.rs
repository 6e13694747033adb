//! A plan that is carried out phase by phase, in troubles.

use std::time::Duration;

use lab::{Fault, FaultKind};
use reshard_core::{Journal, Outcome, PlanState, Request};

use super::super::started::{Region, small};
use super::failover::was_killed;
use super::region::{Cure, World};
use super::trouble::{Times, Trouble};
use super::{Row, Then, journal};

/// The longest that anything may take, on a machine that has much else to do.
const DEADLINE: Duration = Duration::from_secs(150);
/// The phases after the point of no return in which writes are refused.
const NO_WAY_BACK: [&str; 2] = ["publish-ring", "install-ring"];

/// Carries a plan out. Before each phase its troubles are caused, in the order of the rows.
pub(super) async fn walk(request: fn(&Region) -> Request, rows: &[Row]) {
    let region = Region::start(small(), 60.0).await;
    let request = request(&region);
    let world = World::begin(region, request).await;
    journal::is_full(&world).await;
    for phase in &world.sequence {
        for row in rows.iter().filter(|row| row.phase == phase.name()) {
            // What was rolled back because of the row before is done again.
            world.done_before(phase.name()).await;
            meet(&world, row).await;
        }
        world.done_up_to(phase.name()).await;
    }
    assert_eq!(world.store.state().await.unwrap(), PlanState::Done);
    world.end().await;
}

/// Causes a trouble and has the phase meet it.
async fn meet(world: &World, row: &Row) {
    println!("{}: {:?}", row.phase, row.trouble);
    let began = std::time::Instant::now();
    let holds = matches!(row.then, Then::Holds(..));
    world.be_patient(!holds, &row.trouble).await;
    world.said.lock().unwrap().clear();
    let mut cure = world.cause(&row.trouble).await;
    let step = tokio::time::timeout(DEADLINE, world.executor.step(row.phase));
    let heal = async {
        if matches!(row.trouble, Trouble::ZooKeeperAway) {
            world.eventually("SAPI is asked", async || world.is_spent().await).await;
            let away = world.region.control.cause(&Fault::ZooKeeper).await.unwrap();
            world.heal(&cure).await;
            cure = Cure::Fault(away.id);
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
        let Outcome::Held { what, remedy: told, .. } = ended else { panic!("{row:?}: {ended:?}") };
        assert!(what.contains(says), "{row:?}: {what}");
        assert!(told.to_string().contains(remedy), "{row:?}: {told}");
        if let Trouble::KillAt(..) = row.trouble {
            assert!(was_killed(), "{row:?}");
        }
        if world.sequence.block_begins().is_none() {
            assert!(!what.contains("REFUSED"), "{row:?}: {what}");
            if !row.trouble.is_in_the_way_of_writes() {
                let held = std::time::Instant::now();
                world.writes_flow().await;
                println!("{row:?}: writes flow {:?} after the hold", held.elapsed());
            }
        }
        world.heal(&cure).await;
        if NO_WAY_BACK.contains(&row.phase) {
            assert!(what.contains("ARE STILL REFUSED"), "{row:?}: {what}");
        } else if !row.trouble.seals_the_source() {
            world.writes_flow().await;
        }
        return;
    }
    assert!(matches!(ended, Outcome::Paused { .. } | Outcome::Done), "{row:?}: {ended:?}");
    // What ends by itself was met as often as it was to be.
    assert!(world.is_spent().await, "{row:?} was not met");
}

/// Tells whether a trouble is over without anybody's doing.
fn ends_by_itself(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Api(_, kind, _, _, Times::Only(_)) => *kind != FaultKind::Hang,
        Trouble::Reprovisioned | Trouble::ZooKeeperRestarted => true,
        _ => false,
    }
}

/// Tells whether the phase has met the trouble: the operator sees it, or the API was asked as often as was to fail.
async fn met(world: &World, row: &Row) -> bool {
    if let Then::Waits(words) = row.then {
        return world.was_told(words);
    }
    world.is_spent().await
}

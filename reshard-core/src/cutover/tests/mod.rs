//! Cutovers between real databases, with a real ZooKeeper, while clients write.

mod load;
mod refuse;
mod scene;

use std::time::Duration;

use manatee_client::{ClusterState, ShardError, SwitchStanding};

use self::load::key_of;
use self::scene::Scene;
use super::*;
use crate::deployment::Database;
use crate::guard::tests::fixture::{hash, put};
use crate::guard::tests::pair::NUMBER;
use crate::guard::{MoveState, look};

const CLIENTS: u64 = 8;

/// The writes of each client that a database has.
async fn counted(database: &Database) -> Vec<u64> {
    let mut counted = Vec::new();
    for client in 0..CLIENTS {
        let sql = "SELECT coalesce((SELECT _value::bigint FROM manta WHERE _key = $1), 0)";
        let count: i64 = database.value("count writes", sql, &[&key_of(client)]).await.unwrap();
        counted.push(u64::try_from(count).unwrap());
    }
    counted
}

async fn write_for_a_while() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

fn unfailed(ended: Vec<Result<u64, String>>) -> Vec<u64> {
    ended.into_iter().collect::<Result<_, _>>().unwrap()
}

fn names(record: &CutoverRecord) -> Vec<&str> {
    record.steps.iter().map(|step| step.name.as_str()).collect()
}

/// Limits for a machine that has much else to do; clients wait for longer than the budget.
fn patient() -> CutoverOptions {
    let (budget, quiet_within) = (Duration::from_secs(4), Duration::from_secs(3));
    let confirm_within = Duration::from_mins(1);
    CutoverOptions { budget, quiet_within, confirm_within, ..CutoverOptions::default() }
}

/// Makes attempts until one is not let go.
async fn until_done(cutover: &mut Cutover<'_>) -> CutoverRecord {
    for _ in 0..20 {
        let record = cutover.run().await.unwrap();
        match &record.verdict {
            Verdict::LetGo { step, why } => println!("let go in {step}: {why}"),
            Verdict::Done | Verdict::Rehearsed => return record,
        }
    }
    panic!("every attempt was let go");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_wait_and_none_fails_there_and_back() {
    let scene = Scene::start().await;
    let hash = hash();
    let load = scene.load(CLIENTS);
    write_for_a_while().await;

    // A rehearsal makes them wait as long, and nothing moves.
    let options = patient();
    let mut cutover = Cutover::connect(scene.parties().await, &hash, options).await.unwrap();
    let rehearsed = cutover.rehearse().await.unwrap();
    assert_eq!(rehearsed.verdict, Verdict::Rehearsed, "{rehearsed:?}");
    write_for_a_while().await;

    let record = until_done(&mut cutover).await;
    let steps =
        "look session gate quiet fence drain compare seal check sequences open switch confirm note";
    assert_eq!(names(&record).join(" "), steps);
    let block = record.block().unwrap();
    assert!(block < options.budget + options.margin, "{record:?}");
    drop(cutover);
    write_for_a_while().await;

    scene.prepare_the_way_back().await;
    let mut back = Cutover::connect(scene.back().await, &hash, options).await.unwrap();
    let returned = until_done(&mut back).await;
    write_for_a_while().await;
    let (ended, longest) = load.stop().await;
    let written = unfailed(ended);
    assert_eq!(counted(&scene.pair.at_source).await, written);
    println!("blocked {block:?} and {:?}; the longest request took {longest:?}", returned.block());
    assert!(written.iter().all(|writes| *writes > 10), "{written:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_does_not_fit_lets_go() {
    let scene = Scene::start().await;
    let hash = hash();
    let load = scene.load(CLIENTS);
    write_for_a_while().await;
    // Somebody else has written a moving row, and does not end.
    let holder = scene.pair.source.connect_as_moray().await;
    let sql = put(&key_of(CLIENTS), "held");
    holder.batch_execute(&format!("BEGIN; {sql}")).await.unwrap();
    let options = patient();
    let mut cutover = Cutover::connect(scene.parties().await, &hash, options).await.unwrap();
    let record = cutover.run().await.unwrap();
    let Verdict::LetGo { step, why } = &record.verdict else { panic!("{record:?}") };
    assert_eq!(step, "fence");
    assert!(why.contains("in the way") && why.contains("INSERT INTO manta"), "{why}");
    holder.batch_execute("ROLLBACK").await.unwrap();

    // A takeover is possible at the target.
    let thawed = |state: &ClusterState| ClusterState { freeze: None, ..state.clone() };
    let thaw = |state: &ClusterState| Ok::<_, ShardError>(Some(thawed(state)));
    scene.target.update(thaw).await.unwrap();
    let record = cutover.run().await.unwrap();
    let Verdict::LetGo { step, why } = &record.verdict else { panic!("{record:?}") };
    assert!(step == "look" && why.contains("not frozen"), "{record:?}");
    write_for_a_while().await;
    let (ended, _) = load.stop().await;
    assert_eq!(counted(&scene.pair.at_source).await, unfailed(ended));
}

/// An executor that dies at any moment of a cutover: whoever takes over gets to one of its two ends, and no acknowledged write is
/// missing there.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_over_finishes_it() {
    let mut ends = (0, 0);
    for settling in [Settling::Forward, Settling::Back] {
        let mut scene = Scene::start().await;
        let hash = hash();
        let load = scene.load(CLIENTS);
        for attempt in 0_u64.. {
            scene.wait_for_morays().await;
            scene.take_over();
            let options = patient();
            let parties = scene.parties().await;
            let mut cutover = Cutover::connect(parties, &hash, options).await.unwrap();
            let dies_after = Duration::from_millis(5 * attempt * attempt);
            let ended = tokio::time::timeout(dies_after, cutover.run()).await;
            let done = matches!(ended, Ok(Ok(record)) if record.verdict == Verdict::Done);
            drop(cutover);
            scene.take_over();
            let parties = scene.parties().await;
            let finished = finish(&parties, &options, settling).await.unwrap();
            assert_eq!(finish(&parties, &options, settling).await.unwrap(), finished, "again");
            if finished == Finished::AtTarget {
                ends.1 += 1;
                break;
            }
            assert!(!done, "a cutover that is done is not taken back");
            ends.0 += 1;
            if look(&scene.pair.at_target, NUMBER)
                .await
                .unwrap()
                .is_some_and(|found| found.state == MoveState::Aborted)
            {
                break;
            }
        }
        write_for_a_while().await;
        let (ended, _) = load.stop().await;
        let at_target = matches!(
            scene.switch.look().await.unwrap(),
            SwitchStanding::Leads(primary)
                if *primary == scene.target.read_existing().await.unwrap().state.primary
        );
        let winner = if at_target { &scene.pair.at_target } else { &scene.pair.at_source };
        assert_eq!(counted(winner).await, unfailed(ended), "{settling:?}");
    }
    assert!(ends.0 > 2, "it died {} times before it was sealed", ends.0);
}

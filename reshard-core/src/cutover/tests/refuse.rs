//! Cutovers that refuse writes of the moving vnodes for a moment and let reads go on.

use super::load::Load;
use super::*;

fn refusing() -> CutoverOptions {
    CutoverOptions { way: Way::Refuse, ..patient() }
}

/// Every client was acknowledged so many writes, and the database that serves has them all.
async fn ends(load: Load, at: &Database) {
    write_for_a_while().await;
    println!("refused {} writes", load.refused());
    let (ended, _) = load.stop().await;
    let written = unfailed(ended);
    assert_eq!(counted(at).await, written);
    assert!(written.iter().all(|writes| *writes > 3), "{written:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_are_refused_for_a_moment_and_reads_go_on_there_and_back() {
    let scene = Scene::start().await;
    let (hash, options) = (hash(), refusing());
    let load = scene.patient_load(CLIENTS);
    write_for_a_while().await;
    assert_eq!(load.refused(), 0);
    let mut cutover = Cutover::connect(scene.parties().await, &hash, options).await.unwrap();
    let record = until_done(&mut cutover).await;
    let steps = "look fence drain compare seal check sequences switch confirm open note";
    assert_eq!(names(&record).join(" "), steps);
    drop(cutover);
    load.each_writes_again().await;
    let refused = load.refused();
    assert!(refused > 0, "clients have written all the while");
    load.each_writes_again().await;
    assert_eq!(load.refused(), refused, "nothing is refused once the target is open");

    scene.prepare_the_way_back().await;
    let mut back = Cutover::connect(scene.back().await, &hash, options).await.unwrap();
    let returned = until_done(&mut back).await;
    println!("blocked {:?} and {:?}", record.block(), returned.block());
    ends(load, &scene.pair.at_source).await;
}

/// The executor and the source's primary die at once when the source's row says so; its sync takes over, and somebody finishes.
async fn fails_over_when(state: MoveState) -> (Scene, Load) {
    let mut scene = Scene::start_with(3).await;
    let hash = hash();
    let load = scene.patient_load(CLIENTS);
    write_for_a_while().await;
    let watching = scene.pair.source.connect().await;
    let is_there = async || {
        while look(&watching, NUMBER).await.unwrap().is_none_or(|found| found.state != state) {
            tokio::task::yield_now().await;
        }
    };
    let mut cutover = Cutover::connect(scene.parties().await, &hash, refusing()).await.unwrap();
    loop {
        scene.pair.drain().await;
        tokio::select! {
            biased;
            () = is_there() => break,
            record = cutover.run() => {
                let let_go = matches!(&record, Ok(record) if matches!(record.verdict, Verdict::LetGo { .. }));
                assert!(let_go, "{state:?} was not seen: {record:?}");
            }
        }
    }
    drop(cutover);
    // As those who compared the rows knew them.
    let identities = scene.parties().await.identities;
    scene.fail_over().await;
    scene.take_over();
    let parties = Parties { identities, ..scene.parties().await };
    let finished = finish(&parties, &refusing(), Settling::Forward).await.unwrap();
    assert_eq!(finished, Finished::AtSource);
    assert_eq!(finish(&parties, &refusing(), Settling::Forward).await.unwrap(), finished, "again");
    (scene, load)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_at_the_fence_loses_nothing_and_it_is_tried_again() {
    let (scene, load) = fails_over_when(MoveState::Fenced).await;
    scene.wait_for_morays().await;
    let hash = hash();
    let mut cutover = Cutover::connect(scene.parties().await, &hash, refusing()).await.unwrap();
    until_done(&mut cutover).await;
    ends(load, &scene.pair.at_target).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_at_the_seal_leaves_the_vnodes_where_they_were() {
    let (scene, load) = fails_over_when(MoveState::Sealed).await;
    let at_target = look(&scene.pair.at_target, NUMBER).await.unwrap().unwrap();
    assert_eq!(at_target.state, MoveState::Aborted);
    ends(load, &scene.pair.at_source).await;
}

//! Two plans at a time: both prepare, one after the other changes the ring.

use reshard_core::{Journal, Outcome, PhaseState, PlanState};

use super::started::{Region, half, small};

#[tokio::test(flavor = "multi_thread")]
async fn two_plans_prepare_at_once_and_change_the_ring_in_turn() {
    let region = Region::start(small(), 100.0).await;
    let first = region.plan("first.plan", half(&region)).await;
    let before_block = Some("block-writes".to_owned());
    first
        .update_controls(&mut |controls| controls.pause_before.clone_from(&before_block))
        .await
        .unwrap();
    let of_first = region.executor(&first).await;
    let paused = of_first.run().await.unwrap();
    assert_eq!(paused, Outcome::Paused { phase: "block-writes".to_owned() });

    // The second is made while the first has not published anything: it takes the next number all the same.
    let source = region.lab.layout().shard_name(1).parse().unwrap();
    let mut request = half(&region).with_storage_shard_allowed();
    request.source = source;
    let second = region.plan("second.plan", request).await;
    let names = |plan: &reshard_core::ValidPlan| plan.target_names();
    let (one, other) = (first.plan().await.unwrap(), second.plan().await.unwrap());
    assert!(names(&one)[0].starts_with("3.") && names(&other)[0].starts_with("4."));
    assert_eq!(one.inventory.ring.image, other.inventory.ring.image);

    // It prepares, and waits for the ring.
    let of_second = region.executor(&second).await;
    let second_runs = tokio::spawn(async move { of_second.run().await });
    region
        .until("the second plan to wait for the ring", async || {
            let state = second.state().await.unwrap();
            assert!(!matches!(state, PlanState::Held { .. }), "{state:?}");
            let activity = second.activity().await.unwrap();
            activity.filter(|now| now.phase == "reserve-ring" && now.what.contains("waiting"))
        })
        .await;
    assert_eq!(second.phases().await.unwrap()["catch-up"].state, PhaseState::Done);
    assert!(!second.phases().await.unwrap().contains_key("build-rings"));

    assert_eq!(of_first.run().await.unwrap(), Outcome::Done);
    assert_eq!(second_runs.await.unwrap().unwrap(), Outcome::Done);
    for target in one.targets().iter().chain(other.targets()) {
        let rows = region.psql(&target.name, "select count(*) > 0 from manta").await;
        assert_eq!(rows, "t", "{} has rows", target.name);
    }
    region.end_without_ghosts().await;
}

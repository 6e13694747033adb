//! Splits of every kind, to their end, under load.

use reshard_core::{Journal, Layout, Outcome, Report, Request, Selection};

use super::started::{Region, half, phases, small};

/// Carries a plan out.
async fn split(region: &Region, request: Request) {
    let store = region.plan("split.plan", request).await;
    let executor = region.executor(&store).await;
    assert_eq!(executor.run().await.unwrap(), Outcome::Done);
    println!("{}", Report::of(&*store, &phases()).await.unwrap().to_markdown());
    for target in store.plan().await.unwrap().targets() {
        let rows = region.psql(&target.name, "select count(*) > 0 from manta").await;
        assert_eq!(rows, "t", "{} has rows", target.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_shard_becomes_two_by_rows() {
    let region = Region::start(small(), 200.0).await;
    let request = half(&region).with_selection(Selection::Rows).with_layout(Layout::ThreePeers);
    split(&region, request).await;
    region.end_without_ghosts().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_shard_becomes_four_by_rows() {
    let region = Region::start(small(), 100.0).await;
    let request = half(&region).with_new_shards(3).with_selection(Selection::Rows);
    split(&region, request).await;
    region.end_without_ghosts().await;
}

/// Whoever asks for a pause while writes are refused gets it when they flow again.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_waits_for_the_end_of_the_write_block() {
    let region = Region::start(small(), 100.0).await;
    let store = region.plan("paused.plan", half(&region)).await;
    let drain = Some("drain".to_owned());
    store.update_controls(&mut |controls| controls.pause_before.clone_from(&drain)).await.unwrap();
    let executor = region.executor(&store).await;
    let ended = executor.run().await.unwrap();
    assert_eq!(ended, Outcome::Paused { phase: "verify-routing".to_owned() });
    let report = Report::of(&*store, &phases()).await.unwrap();
    assert!(report.write_block.measured_seconds.is_some(), "{:?}", report.write_block);
    assert_eq!(executor.run().await.unwrap(), Outcome::Done);
    region.end_without_ghosts().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_of_the_storage_shards_rows_go_to_two_shards() {
    let region = Region::start(small(), 100.0).await;
    let source = region.lab.layout().shard_name(1).parse().unwrap();
    let selection = Selection::Shares([(3, 20.0), (4, 30.0)].into());
    let mut request =
        half(&region).with_new_shards(2).with_selection(selection).with_storage_shard_allowed();
    request.source = source;
    split(&region, request).await;
    // What is not sharded stays there, and its copies are gone.
    for (shard, has) in [(1, "t"), (3, "f"), (4, "f")] {
        let shard = region.lab.layout().shard_name(shard).parse().unwrap();
        let there = region.psql(&shard, "select to_regclass('manta_storage') is not null").await;
        assert_eq!(there, has, "{shard} has manta_storage");
    }
    region.end_without_ghosts().await;
}

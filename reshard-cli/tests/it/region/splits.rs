//! Splits of every kind, to their end, under load.

use reshard_core::{Ended, Layout, Report, Request, Selection, Store, phases};

use super::started::{Region, half, small};

/// Carries a plan out, and proves that nothing was lost.
async fn split(region: Region, request: Request) {
    let store = region.plan("split.plan", request).await;
    let executor = region.executor(&store, phases::rfd103()).await;
    assert_eq!(executor.run().await.unwrap(), Ended::Done);
    println!("{}", Report::of(&*store, &phases::rfd103()).unwrap().to_markdown());
    for target in &store.plan().unwrap().targets {
        assert_ne!(region.count(&target.name, "manta").await, 0, "{}", target.name);
    }
    region.end_without_ghosts().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_shard_becomes_two_by_rows() {
    let region = Region::start(small(), 200.0).await;
    let request =
        Request { selection: Selection::Rows, layout: Layout::ThreePeers, ..half(&region) };
    split(region, request).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_shard_becomes_four_by_count() {
    let region = Region::start(small(), 100.0).await;
    let request = Request { new_shards: 3, ..half(&region) };
    split(region, request).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_of_the_storage_shards_rows_go_to_two_shards() {
    let region = Region::start(small(), 100.0).await;
    let source = region.lab.layout().shard_name(1).parse().unwrap();
    let selection = Selection::Shares([(3, 20.0), (4, 30.0)].into());
    let request =
        Request { source, new_shards: 2, selection, allow_storage_shard: true, ..half(&region) };
    // What is not sharded stays there, and its copies go.
    let storage = region.count(&request.source, "manta_storage").await;
    split(region, request).await;
    assert_ne!(storage, 0);
}

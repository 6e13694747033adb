//! Guarded splits under load: nothing is refused, and the cutover is over in a moment.

use reshard_core::{Journal, Outcome, Report, Selection};

use super::started::{Region, guarded, small};

#[tokio::test(flavor = "multi_thread")]
async fn one_shard_becomes_two() {
    let region = Region::start(small(), 200.0).await;
    let store = region.plan("guarded.plan", guarded(&region).with_selection(Selection::Rows)).await;
    let executor = region.executor(&store).await;
    let ended = executor.run().await.unwrap();
    let sequence = store.plan().await.unwrap().sequence().unwrap();
    println!("{}", Report::of(&*store, &sequence).await.unwrap().to_markdown());
    for (_, entry) in store.log_after(0).await.unwrap() {
        println!("{} {} {:?}: {}", entry.at, entry.phase, entry.kind, entry.text);
    }
    println!(
        "{}",
        store.facts().await.unwrap().get("cutovers").unwrap_or(&serde_json::Value::Null)
    );
    assert_eq!(ended, Outcome::Done);
    region.end_without_ghosts().await;
}

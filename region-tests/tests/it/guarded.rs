//! Guarded splits under load: nothing is refused, and the cutover is over in a moment.

use reshard_core::{Journal, Mode, Outcome, Report, Request, Selection};

use super::started::{Region, half, small};

/// A guarded split of shard 2, with Morays that leave the name service one after the other.
fn guarded(region: &Region) -> Request {
    half(region).with_mode(Mode::Guarded).with_morays(2)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_shard_becomes_two() {
    let region = Region::start(small(), 200.0).await;
    let store = region.plan("guarded.plan", guarded(&region).with_selection(Selection::Rows)).await;
    store.update_controls(&mut |controls| controls.tuning.name_seconds = 0).await.unwrap();
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

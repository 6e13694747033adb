//! Guarded splits under load: nothing is refused, and the cutover is over in a moment.

use std::time::Duration;

use reshard_core::cutover::{CutoverRecord, Verdict};
use reshard_core::{Approval, Journal, Layout, Outcome, Report, Selection, SqliteJournal};

use super::started::{Region, guarded, small};

/// Prints the report and the log of a plan: what to read when a test fails.
async fn print(store: &SqliteJournal) {
    let sequence = store.plan().await.unwrap().sequence().unwrap();
    println!("{}", Report::of(store, &sequence).await.unwrap().to_markdown());
    for (_, entry) in store.log_after(0).await.unwrap() {
        println!("{} {} {:?}: {}", entry.at, entry.phase, entry.kind, entry.text);
    }
}

/// The verdicts of all cutovers and rehearsals.
async fn verdicts(store: &SqliteJournal) -> Vec<Verdict> {
    let all = store.fact("cutovers").await.unwrap().unwrap_or_default();
    let all: Option<Vec<CutoverRecord>> = serde_json::from_value(all).unwrap();
    all.unwrap_or_default().into_iter().map(|record| record.verdict).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_shard_becomes_two() {
    let region = Region::start(small(), 200.0).await;
    let store = region.plan("guarded.plan", guarded(&region).with_selection(Selection::Rows)).await;
    let executor = region.executor(&store).await;
    let ended = executor.run().await.unwrap();
    print(&store).await;
    assert_eq!(ended, Outcome::Done);
    region.end_without_ghosts().await;
}

/// Two new shards of three peers. The plan waits for an approval before a router is changed, and its cutover is rehearsed by itself.
#[tokio::test(flavor = "multi_thread")]
async fn one_shard_becomes_three_with_an_approval_and_a_rehearsal() {
    let region = Region::start(small(), 50.0).await;
    let request = guarded(&region).with_new_shards(2).with_layout(Layout::ThreePeers);
    let store = region.plan("three.plan", request).await;
    store
        .update_controls(&mut |controls| {
            controls.approval = Approval::Needed;
            controls.pause_before = Some("cut-over".to_owned());
        })
        .await
        .unwrap();
    let executor = region.executor(&store).await;
    let approving = async {
        let asked = async {
            loop {
                let activity = store.activity().await.unwrap();
                if activity.is_some_and(|activity| activity.what.contains("nobody has approved")) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(4), asked).await.unwrap();
        let listed = store.phases().await.unwrap();
        assert!(!listed.contains_key("flip-routers"), "{listed:?}");
        let given = Approval::by("ann", jiff::Timestamp::now());
        store.update_controls(&mut |controls| controls.approval = given.clone()).await.unwrap();
    };
    let (ended, ()) = tokio::join!(executor.run(), approving);
    print(&store).await;
    let before = Outcome::Paused { phase: "cut-over".to_owned() };
    assert_eq!(ended.unwrap(), before);
    assert_eq!(executor.rehearse("cut-over").await.unwrap(), before);
    let rehearsed = verdicts(&store).await;
    assert_eq!(rehearsed, [Verdict::Rehearsed, Verdict::Rehearsed], "one for each new shard");
    assert_eq!(executor.run().await.unwrap(), Outcome::Done);
    print(&store).await;
    let done = verdicts(&store).await;
    assert_eq!(done.iter().filter(|verdict| **verdict == Verdict::Done).count(), 2, "{done:?}");
    region.end_without_ghosts().await;
}

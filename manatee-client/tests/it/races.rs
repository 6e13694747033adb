//! Several writers, several watchers.

use std::time::Duration;

use manatee_client::{ClusterState, ShardError, StoredState};
use serde_json::Value;
use test_servers::ZooKeeper;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::{first_state, session, shard};

fn counter(state: &ClusterState) -> u64 {
    state.other.get("counter").and_then(Value::as_u64).unwrap_or(0)
}

fn counted(state: &ClusterState) -> ClusterState {
    let mut next = state.clone();
    next.other.insert("counter".into(), (counter(state) + 1).into());
    next
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_changes_by_two_writers_are_all_there() {
    let server = ZooKeeper::start();
    let first = session(&server).await;
    shard(&first, "race").establish(&first_state()).await.unwrap();
    let mut writers = JoinSet::new();
    for writer in [first.clone(), session(&server).await] {
        writers.spawn(async move {
            let shard = shard(&writer, "race");
            for _ in 0..500 {
                shard.update(|state| Ok::<_, ShardError>(Some(counted(state)))).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let shard = shard(&first, "race");
    let end = shard.read_existing().await.unwrap();
    assert_eq!((counter(&end.state), end.version), (1000, 1000));
    let history = shard.history().await.unwrap();
    assert_eq!(history.len(), 1001, "one entry for each write, none for the writes that lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_watcher_of_a_storm_sees_the_last_state() {
    const WATCHERS: usize = 40;
    const WRITES: i32 = 200;
    let server = ZooKeeper::start();
    let writer = session(&server).await;
    let storm = shard(&writer, "storm");
    storm.establish(&first_state()).await.unwrap();
    let watching = session(&server).await;
    let mut watchers = JoinSet::new();
    for _ in 0..WATCHERS {
        let mut watch = shard(&watching, "storm").watch();
        watchers.spawn(async move {
            let mut seen: Vec<StoredState> = Vec::new();
            while seen.last().is_none_or(|last| last.version < WRITES) {
                seen.push(watch.next().await.unwrap().unwrap());
            }
            seen
        });
    }
    for _ in 0..WRITES {
        storm.update(|state| Ok::<_, ShardError>(Some(counted(state)))).await.unwrap();
    }
    let all = timeout(Duration::from_secs(20), watchers.join_all()).await.unwrap();
    assert_eq!(all.len(), WATCHERS);
    for seen in all {
        assert!(seen.is_sorted_by(|a, b| a.version <= b.version), "states go forward only");
        let last = seen.last().unwrap();
        assert_eq!(counter(&last.state), u64::try_from(WRITES).unwrap());
    }
}

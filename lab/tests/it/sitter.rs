//! Sitters around a real ZooKeeper and real PostgreSQL.

mod peers;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use peers::Shard;

/// The longest that anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until the condition holds, and fails the test if that takes too long. Tells how long it took.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) -> Duration {
    let begin = Instant::now();
    let held = tokio::time::timeout(PATIENCE, async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(held.await.is_ok(), "{what}: not within {PATIENCE:?}");
    println!("{what}: {:?}", begin.elapsed());
    begin.elapsed()
}

/// Ids by role.
fn shape(state: &Value) -> Value {
    let ids = |peers: &Value| -> Vec<Value> {
        peers.as_array().unwrap().iter().map(|peer| peer["id"].clone()).collect()
    };
    json!([
        state["primary"]["id"],
        state["sync"]["id"],
        ids(&state["async"]),
        ids(&state["deposed"])
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_is_made_grows_and_survives_its_primary() {
    let mut shard = Shard::new(10, 4).await;
    let id = |peer: usize| json!(shard_id(10, peer));
    // Who comes later is behind in the chain.
    shard.start(0);
    shard.start(1);
    until("two peers are a shard", async || shard.state().await.is_some()).await;
    shard.start(2);
    until("its primary takes writes", async || shard.is_writable(0)).await;
    until("the chain is complete", async || shard.streams(0, 1) && shard.streams(1, 2)).await;
    let state = shard.state().await.unwrap();
    assert_eq!(shape(&state), json!([id(0), id(1), [id(2)], []]));
    assert_eq!(state["generation"], json!(1));
    assert_eq!(shard.sql(0, "SHOW synchronous_standby_names"), format!("\"{}\"", shard.url(1)));
    assert_eq!(shard.sql(0, "SHOW synchronous_commit"), "remote_write");
    assert_eq!(shard.sql(1, "SHOW synchronous_commit"), "off");
    shard.sql(0, "CREATE TABLE manta (key text); INSERT INTO manta VALUES ('a')");

    let status = shard.get(1, "/state").await.1;
    assert_eq!((&status["role"], &status["id"]), (&json!("sync"), &id(1)));
    assert_eq!(status["zkstate"]["generation"], json!(1));
    assert_eq!(status["zkpeers"].as_array().unwrap().len(), 3);
    until("the sync is well", async || shard.get(1, "/ping").await.0 == 200).await;
    assert_eq!(shard.get(1, "/nothing").await.0, 404);
    assert_eq!(shard.get(0, "/restore").await.1, json!({"restore": null}));

    // A newcomer is restored from the primary and streams from the last of the chain.
    shard.start(3);
    until("a fourth peer joins", async || shard.streams(2, 3)).await;
    let state = shard.state().await.unwrap();
    assert_eq!(shape(&state), json!([id(0), id(1), [id(2), id(3)], []]));
    until("it has what was there", async || shard.sql(3, "SELECT key FROM manta") == "a").await;
    let job = shard.get(3, "/restore").await.1["restore"].clone();
    assert_eq!((&job["done"], &job["port"]), (&json!(true), &json!(1234)));
    assert_eq!(job["completed"], job["size"]);
    let uuid = job["uuid"].as_str().unwrap();
    until("the backup server knows that too", async || {
        shard.backup(0, uuid).await.1["done"] == json!(true)
    })
    .await;

    // Nobody takes over while the shard is frozen.
    shard
        .edit(|state| state["freeze"] = json!({"date": "2024-05-06T07:08:09Z", "reason": "x"}))
        .await;
    shard.kill(0).await;
    until("the primary's session expires", async || shard.active().await.len() == 3).await;
    until("the sync would", async || {
        shard.get(1, "/state").await.1["pending"] == json!(["cluster write or wait"])
    })
    .await;
    assert_eq!(shard.state().await.unwrap()["generation"], json!(1));
    shard.edit(|state| drop(state.as_object_mut().unwrap().remove("freeze"))).await;
    until("the sync takes over when it may", async || shard.is_writable(1)).await;
    let state = shard.state().await.unwrap();
    assert_eq!(shape(&state), json!([id(1), id(2), [id(3)], [id(0)]]));
    assert_eq!(state["generation"], json!(2));
    assert_ne!(state["initWal"], json!("0/00000000"));
    until("the chain is complete", async || shard.streams(1, 2) && shard.streams(2, 3)).await;
    shard.sql(1, "INSERT INTO manta VALUES ('b')");
    until("all have it", async || shard.sql(3, "SELECT count(*) FROM manta") == "2").await;
    assert_eq!(shard.sql(1, "SELECT timeline_id FROM pg_control_checkpoint()"), "1");

    // Who was primary is deposed, and PostgreSQL does not run there.
    shard.start(0);
    until("the old primary is deposed", async || {
        shard.get(0, "/state").await.1["role"] == json!("deposed")
    })
    .await;
    assert!(!shard.answers(0));
    let names = shard.history().await;
    assert!(names.iter().any(|name| name.starts_with("1-")), "{names:?}");
    assert!(names.last().unwrap().starts_with("2-"), "{names:?}");

    // Unfrozen, a killed primary is replaced as soon as its session expires.
    shard.kill(1).await;
    until("failover", async || shard.is_writable(2)).await;
    assert_eq!(shard.sql(2, "SELECT count(*) FROM manta"), "2");

    // Whose PostgreSQL dies, dies too.
    shard.sql_may_fail(3, "COPY (SELECT 1) TO PROGRAM 'kill -9 $(head -1 postmaster.pid)'");
    until("a sitter ends with its PostgreSQL", async || !shard.runs(3)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_with_data_become_another_shard_without_a_write_of_theirs() {
    let mut shard = Shard::new(11, 3).await;
    // Who comes later is behind in the chain.
    shard.start(0);
    shard.start(1);
    until("two peers are a shard", async || shard.state().await.is_some()).await;
    shard.start(2);
    until("its primary takes writes", async || shard.is_writable(0)).await;
    until("the chain is complete", async || shard.streams(0, 1) && shard.streams(1, 2)).await;
    shard.sql(0, "CREATE TABLE manta (key text); INSERT INTO manta VALUES ('a')");
    for peer in [0, 1, 2] {
        assert!(shard.terminate(peer).await, "an orderly end");
        assert!(!shard.answers(peer));
    }
    assert_eq!(shard.active().await.len(), 3, "their sessions are not closed");

    let mut state = shard.state().await.unwrap();
    state["freeze"] = json!({"date": "2024-05-06T07:08:09.123Z", "reason": "plan"});
    shard.rename("/manatee/9.moray.lab.example.net").await;
    shard.create(&state).await;
    for peer in [2, 1, 0] {
        shard.start(peer);
        let role = ["primary", "sync", "async"][peer];
        until(role, async || shard.get(peer, "/state").await.1["role"] == json!(role)).await;
    }
    until("the new shard takes writes", async || shard.is_writable(0)).await;
    until("the chain is complete", async || shard.streams(0, 1) && shard.streams(1, 2)).await;
    assert_eq!(shard.sql(0, "INSERT INTO manta VALUES ('b') RETURNING key"), "b");
    assert_eq!(shard.state().await.unwrap(), state);
    assert_eq!(shard.version().await, 0);
    assert_eq!(shard.history().await, Vec::<String>::new());
    // A state that is no state is the end of all.
    shard.edit(|state| state["freeze"] = json!("CM-1")).await;
    for peer in [0, 1, 2] {
        until("a sitter ends", async || !shard.runs(peer)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_singleton_takes_writes_alone_and_lives_through_the_loss_of_its_session() {
    let mut shard = Shard::new(12, 1).await;
    shard.singleton();
    shard.start(0);
    until("a singleton takes writes", async || shard.is_writable(0)).await;
    let state = shard.state().await.unwrap();
    assert_eq!((&state["sync"], &state["oneNodeWriteMode"]), (&json!(null), &json!(true)));
    assert_eq!(state["freeze"]["reason"], json!("manatee setup: one node write mode"));
    assert_eq!(shard.sql(0, "SHOW synchronous_standby_names"), "");

    let before = shard.active().await;
    shard.zookeeper.stop();
    tokio::time::sleep(peers::SESSION_TIMEOUT * 2).await;
    shard.zookeeper.resume();
    until("it is in the election again", async || {
        let active = shard.active().await;
        active.len() == 1 && active != before
    })
    .await;
    assert!(shard.runs(0) && shard.is_writable(0));
}

fn shard_id(block: u8, peer: usize) -> String {
    format!("{}:5432:12345", peers::address(block, peer))
}

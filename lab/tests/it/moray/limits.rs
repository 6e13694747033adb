//! The ends of Moray's patience, and of Moray.

use std::time::{Duration, Instant};

use moray_client::Error;
use serde_json::json;
use tokio::task::JoinSet;

use super::switch::{SESSIONS, Switch, put, state};

/// A path that is not the one of the service's name.
const OTHER: &str = "/manta_reshard/other/3.moray.lab.example.net";
/// So many requests may wait there.
const QUEUE: usize = 3;
/// Less than any request waits.
const AT_ONCE: Duration = Duration::from_millis(700);
/// Ten attempts to connect take 16 s.
const GIVEN_UP: Duration = Duration::from_mins(1);

fn said(error: &Error) -> String {
    assert!(error.is_retryable(), "{}", error.with_causes());
    error.server_error().unwrap().to_string()
}

/// A request waits where nobody listens for 5 s, or for 1.5 s in a shard that was quiet for that long. After ten attempts to connect
/// none waits at all, until there is a session again.
pub(super) async fn nobody_waits_for_ever(switch: &Switch) {
    let refused = "Error: connect ECONNREFUSED";
    switch.point(switch.closed()).await;
    switch.until("no session is left", || switch.sessions(0) == 0).await;
    let begin = Instant::now();
    assert_eq!(said(&switch.put("/never").await.unwrap_err()), refused);
    let waited = begin.elapsed();
    let patience = Duration::from_millis(1400)..Duration::from_secs(7);
    assert!(patience.contains(&waited), "waited for {waited:?}");
    loop {
        let asked = Instant::now();
        assert_eq!(said(&switch.put("/never").await.unwrap_err()), refused);
        if asked.elapsed() < AT_ONCE {
            break;
        }
        assert!(begin.elapsed() < GIVEN_UP, "requests still wait");
    }
    println!("given up {:.1?} after the first request", begin.elapsed());
    switch.point(switch.server(1)).await;
    switch.sessions_are(1).await;
    switch.put("/again").await.unwrap();
    assert_eq!(switch.rows(1, "/never"), 0);
}

/// The recording has it so: each session that a server ended while nobody used it fails one request, and the next one works.
pub(super) async fn broken_sessions_fail_a_request_each(switch: &Switch) {
    terminate_all(switch, 1).await;
    for number in 1..=SESSIONS {
        let error = switch.put("/broken").await.unwrap_err();
        let said = error.server_error().unwrap().to_string();
        let words = "VError: Postgres client failed: Connection terminated unexpectedly";
        assert_eq!(said, words, "request {number}");
    }
    switch.put("/broken").await.unwrap();
    switch.sessions_are(1).await;
}

/// Now and then somebody looks whether there are such.
pub(super) async fn broken_sessions_are_found(switch: &Switch) {
    terminate_all(switch, 0).await;
    switch.sessions_are(0).await;
    switch.put("/found").await.unwrap();
}

async fn terminate_all(switch: &Switch, index: usize) {
    let server = &switch.postgres[index];
    let moray = "FROM pg_stat_activity WHERE usename = 'moray'";
    let before = server.sql(&format!("SELECT min(pid), max(pid) {moray}"));
    server.sql(&format!("SELECT count(pg_terminate_backend(pid)) {moray}"));
    let those = before.replace('|', " AND ");
    let left = format!("SELECT count(*) {moray} AND pid BETWEEN {those}");
    switch.until("the sessions have ended", || server.sql(&left) == "0").await;
}

/// The path and what else the file has are taken at the start.
pub(super) async fn an_edited_configuration_outlives_its_moray(switch: &mut Switch) {
    switch.make(&format!("{OTHER}/election"), b"").await;
    switch.make(&format!("{OTHER}/state"), &state(switch.server(0))).await;
    switch.restart(OTHER, &json!({"maxQueueLength": QUEUE, "checkInterval": 300}));
    switch.sessions_are(0).await;
    switch.put("/other").await.unwrap();
    // The other path is nothing to it any more.
    switch.point(switch.closed()).await;
    switch.put("/other").await.unwrap();
    assert_eq!(switch.sessions(0), SESSIONS);
}

pub(super) async fn so_many_wait(switch: &Switch) {
    let path = format!("{OTHER}/state");
    switch.zookeeper.set_data(&path, &state(switch.closed()), None).await.unwrap();
    switch.until("no session is left", || switch.sessions(0) == 0).await;
    let mut puts = JoinSet::new();
    for number in 0..QUEUE + 4 {
        let client = switch.client.clone();
        puts.spawn(async move { put(&client, &format!("/queued/{number}"), 41).await });
    }
    let overloaded = "NoDatabasePeersError: unable to acquire backend connection due to service being overloaded";
    for _ in 0..4 {
        let refused = puts.join_next().await.unwrap().unwrap().unwrap_err();
        assert_eq!(said(&refused), overloaded);
    }
    switch.zookeeper.set_data(&path, &state(switch.server(0)), None).await.unwrap();
    while let Some(done) = puts.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(switch.rows(0, "/queued"), QUEUE as u64);
}

/// Neither a state nor anybody in the election: the real one cannot parse the URL of nobody, and dies.
pub(super) async fn without_anybody_it_ends(switch: &mut Switch) {
    let mut process = switch.process.take().unwrap();
    assert!(!process.has_ended());
    switch.zookeeper.delete(&format!("{OTHER}/state"), None).await.unwrap();
    switch.until("it has ended", || process.has_ended()).await;
}

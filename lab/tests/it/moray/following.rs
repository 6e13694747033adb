//! Another primary, none, and one that is let in again.

use std::time::{Duration, Instant};

use zookeeper::{Acls, CreateMode};

use super::load::Load;
use super::switch::{PATH, SESSIONS, Switch, put, state};
use crate::servers::zookeeper_client;

/// The changes of primary under load.
const CHANGES: usize = 6;
/// For so long nobody listens.
const CLOSED: Duration = Duration::from_millis(350);
/// The time between an answer and the next request, at most.
const SLACK: Duration = Duration::from_millis(50);
/// Longer than Moray waits for a server that is the primary no longer and does not answer.
const LONG: Duration = Duration::from_secs(6);

/// As many as are configured are open before anybody asks for anything.
pub(super) async fn sessions_come_from_the_zones_own_address(switch: &Switch) {
    switch.sessions_are(0).await;
    let all = "SELECT count(*), count(DISTINCT client_addr), bool_and(application_name = '') \
               FROM pg_stat_activity WHERE usename = 'moray'";
    assert_eq!(switch.postgres[0].sql(all), format!("{SESSIONS}|1|t"));
}

pub(super) async fn no_request_fails_when_the_primary_changes(switch: &Switch) {
    let load = Load::start(&switch.client, 8, "/changes");
    for change in 1..=CHANGES {
        let to = change % 2;
        switch.point(switch.server(to)).await;
        switch.sessions_are(to).await;
        let before = load.done();
        switch.until("requests are answered", || load.done() > before + 50).await;
    }
    let requests = load.done();
    let longest = load.stop().await;
    println!("{CHANGES} changes, {requests} requests, the longest took {longest:.0?}");
    assert_eq!([switch.rows(0, "/changes"), switch.rows(1, "/changes")], [8, 8]);
}

/// A request that is under way goes on at the old primary, however long it takes; the next ones are at the new.
pub(super) async fn requests_end_where_they_have_begun(switch: &Switch) {
    let lock = switch.postgres[0].hold("LOCK TABLE manta IN SHARE ROW EXCLUSIVE MODE");
    let client = switch.client.clone();
    let running = tokio::spawn(async move { put(&client, "/running/old", 41).await });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'moray' AND wait_event_type = 'Lock'";
    switch.until("the put waits", || switch.postgres[0].sql(waits) == "1").await;
    switch.point(switch.server(1)).await;
    switch
        .until("all but one session are at the new primary", || {
            switch.sessions(0) == 1 && switch.sessions(1) == SESSIONS
        })
        .await;
    switch.put("/running/new").await.unwrap();
    tokio::time::sleep(LONG).await;
    assert!(!running.is_finished());
    drop(lock);
    running.await.unwrap().unwrap();
    assert_eq!([0, 1].map(|index| switch.rows(index, "/running/old")), [1, 0]);
    assert_eq!([0, 1].map(|index| switch.rows(index, "/running/new")), [0, 1]);
    switch.sessions_are(1).await;
}

/// Nobody listens where the state points to, and then somebody does.
pub(super) async fn requests_wait_at_a_closed_port(switch: &Switch) {
    let load = Load::start(&switch.client, 8, "/closed");
    switch.until("requests are answered", || load.done() > 50).await;
    let begin = Instant::now();
    switch.point(switch.closed()).await;
    switch.until("no session is left at the old primary", || switch.sessions(1) == 0).await;
    let drained = begin.elapsed();
    tokio::time::sleep(CLOSED.saturating_sub(drained)).await;
    let before = load.done();
    switch.point(switch.server(0)).await;
    switch.sessions_are(0).await;
    switch.until("requests are answered", || load.done() > before + 50).await;
    let longest = load.stop().await;
    println!(
        "closed for {CLOSED:?}, drained in {drained:.0?}, the longest request took {longest:.0?}"
    );
    // Whoever was answered last before asked again at once.
    assert!(longest + drained + SLACK >= CLOSED, "nobody waited: {longest:?}");
}

/// A state that goes with a session, as whoever moves a vnode has it: when it is gone, the first of the election is the primary,
/// until there is a state again.
pub(super) async fn without_a_state_the_election_counts(switch: &Switch) {
    let path = format!("{PATH}/state");
    for (index, number) in [(0, 12), (1, 3)] {
        let name = format!("{}:12345-{number:010}", switch.server(index));
        switch.make(&format!("{PATH}/election/{name}"), b"").await;
    }
    assert_eq!([switch.sessions(0), switch.sessions(1)], [SESSIONS, 0], "a state counts for more");
    switch.zookeeper.delete(&path, None).await.unwrap();
    switch.sessions_are(1).await;
    // Not at once after the deletion: between reading that there is none and watching for one Moray would not notice.
    let session = zookeeper_client(&switch.zookeeper_address()).await;
    let ephemeral = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
    session.create(&path, &state(switch.closed()), &ephemeral).await.unwrap();
    switch.until("no session is left", || switch.sessions(0) + switch.sessions(1) == 0).await;
    drop(session);
    switch.sessions_are(1).await;
    switch.put("/fallback/election").await.unwrap();
    switch.make(&path, &state(switch.server(0))).await;
    switch.sessions_are(0).await;
    switch.put("/fallback/state").await.unwrap();
    assert_eq!([0, 1].map(|index| switch.rows(index, "/fallback/election")), [0, 1]);
    assert_eq!([0, 1].map(|index| switch.rows(index, "/fallback/state")), [1, 0]);
}

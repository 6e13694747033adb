//! Questions to a primary, its sync and an async behind that.

use std::time::Duration;

use manatee_client::{
    Lsn, Peer, PgEndpoint, Postgres, PostgresError, ReplayError, ReplayWait, RunningDump,
    downstream_named, running_dump,
};
use test_servers::{Chain, free_port, own_address, postgresql_version, wait_until};

use crate::support::peers_of;

const PATIENCE: Duration = Duration::from_secs(20);

fn server(peer: &Peer) -> Postgres {
    Postgres::new(peer.endpoint().unwrap(), Duration::from_secs(10))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_of_three() {
    let mut chain = Chain::start(3);
    let peers = peers_of(&chain);
    let servers: Vec<Postgres> = peers.iter().map(server).collect();
    for (upstream, kind) in [(0, "sync"), (1, "async")] {
        wait_until("the chain streams", PATIENCE, || {
            let row = chain.sql(
                upstream,
                "SELECT state, sync_state, flush_lsn IS NOT NULL FROM pg_stat_replication",
            );
            row == format!("streaming|{kind}|t")
        });
    }
    replication_is_joined_by_name(&peers, &servers).await;
    writability_is_seen_on_a_fresh_connection(&chain, &peers, &servers).await;
    the_tail_replays_what_the_primary_wrote(&chain, &servers).await;
    a_standby_behind_is_told_with_its_distance(&chain, &servers).await;
    a_dump_is_seen_at_its_port(&peers).await;
    a_silent_standby_does_not_hold_up_the_wait(&peers[2]).await;
    a_wait_outlives_a_restart(&mut chain, &servers).await;
    a_primary_after_a_crash_is_no_standby(&mut chain, &servers).await;
}

async fn replication_is_joined_by_name(peers: &[Peer], servers: &[Postgres]) {
    let version = servers[0].version().await.unwrap().to_string();
    assert_eq!(version.split('.').next().unwrap(), postgresql_version().to_string());
    for (upstream, kind) in [(0, "sync"), (1, "async")] {
        let rows = servers[upstream].downstreams().await.unwrap();
        let row = downstream_named(&rows, &peers[upstream + 1].pg_url).unwrap();
        assert!(row.is_streaming());
        assert_eq!(row.sync_state.as_deref(), Some(kind));
        assert!(row.client_addr.as_deref().unwrap().starts_with("127."), "{row:?}");
        assert!(row.sent.unwrap() >= row.flush.unwrap());
        assert_eq!(downstream_named(&rows, &peers[0].pg_url), None);
    }
    assert_eq!(servers[2].downstreams().await.unwrap(), []);
}

async fn writability_is_seen_on_a_fresh_connection(
    chain: &Chain,
    peers: &[Peer],
    servers: &[Postgres],
) {
    let writable = servers[0].writability().await.unwrap();
    assert!(writable.is_writable_with_sync(&peers[1].pg_url));
    assert!(!writable.is_writable_with_sync(&peers[2].pg_url));
    let standby = servers[1].writability().await.unwrap();
    assert!(standby.in_recovery && !standby.is_writable());
    chain.set(0, "default_transaction_read_only", "on");
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while servers[0].writability().await.unwrap().is_writable() {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A read-only default is no lock: a session may write all the same, as this one that ends it.
    chain.sql(0, "BEGIN; SET TRANSACTION READ WRITE; CREATE TABLE t (x int); COMMIT");
    chain.set(0, "default_transaction_read_only", "off");
    while !servers[0].writability().await.unwrap().is_writable() {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let settings = servers[0].settings(&["wal_level", "max_wal_senders", "no_such"]).await.unwrap();
    let settings: Vec<_> =
        settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(settings, [("max_wal_senders", "15"), ("wal_level", "replica")]);
}

async fn the_tail_replays_what_the_primary_wrote(chain: &Chain, servers: &[Postgres]) {
    chain.sql(0, "INSERT INTO t SELECT generate_series(1, 10000)");
    let target = servers[0].current_position().await.unwrap();
    let mut steps = Vec::new();
    let wait = ReplayWait::up_to(PATIENCE);
    let reached = servers[2].wait_for_replay(target, wait, |step| steps.push(step.clone())).await;
    assert!(reached.unwrap() >= target);
    assert_eq!(steps.last().unwrap().missing, Some(0));
    assert_eq!(chain.sql(2, "SELECT count(*) FROM t"), "10000");
    assert!(servers[2].replay_age().await.unwrap().unwrap() >= 0.0);
    assert_eq!(servers[0].replay_position().await.unwrap(), None);
    let refused = servers[0].wait_for_replay(target, wait, |_| ()).await;
    assert!(matches!(refused, Err(ReplayError::NotAStandby { .. })));
    assert!(servers[1].current_position().await.is_err(), "a standby has no position of its own");
}

async fn a_standby_behind_is_told_with_its_distance(chain: &Chain, servers: &[Postgres]) {
    chain.sql(2, "SELECT pg_wal_replay_pause()");
    chain.sql(0, "INSERT INTO t SELECT generate_series(1, 10000)");
    let target = servers[0].current_position().await.unwrap();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while servers[2].receive_position().await.unwrap() < Some(target) {
        assert!(tokio::time::Instant::now() < deadline, "received, though not replayed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let short = ReplayWait::up_to(Duration::from_millis(300));
    let behind = servers[2].wait_for_replay(target, short, |_| ()).await;
    let Err(ReplayError::Behind { last: Some(last), .. }) = &behind else { panic!("{behind:?}") };
    assert!(target.bytes_after(*last) > 100_000, "{behind:?}");
    assert!(behind.unwrap_err().to_string().contains("bytes behind"));
    chain.sql(2, "SELECT pg_wal_replay_resume()");
    servers[2].wait_for_replay(target, ReplayWait::up_to(PATIENCE), |_| ()).await.unwrap();
}

async fn a_dump_is_seen_at_its_port(peers: &[Peer]) {
    let endpoint = peers[0].endpoint().unwrap();
    let patience = Duration::from_secs(5);
    assert_eq!(running_dump(&endpoint, free_port(), patience).await.unwrap(), RunningDump::None);
    let RunningDump::Running { clients } =
        running_dump(&endpoint, endpoint.port, patience).await.unwrap()
    else {
        panic!("a server listens there");
    };
    assert!(clients.contains(&peers[1].pg_url), "{clients:?}");
    // Something that listens and never answers: nobody knows.
    let silent = std::net::TcpListener::bind((own_address(), 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let unknown = running_dump(&endpoint, port, Duration::from_millis(300)).await.unwrap_err();
    assert!(matches!(unknown.reason(), PostgresError::Timeout { .. }), "{unknown:?}");
}

async fn a_silent_standby_does_not_hold_up_the_wait(peer: &Peer) {
    let silent = std::net::TcpListener::bind((own_address(), 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let endpoint = PgEndpoint { port, ..peer.endpoint().unwrap() };
    let standby = Postgres::new(endpoint, Duration::from_hours(1));
    let short = ReplayWait::up_to(Duration::from_millis(200));
    let waiting = standby.wait_for_replay(Lsn::ZERO, short, |_| ());
    let given_up = tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    assert!(matches!(given_up, Err(ReplayError::Behind { last: None, .. })), "{given_up:?}");
}

/// PostgreSQL goes on telling where the recovery ended.
async fn a_primary_after_a_crash_is_no_standby(chain: &mut Chain, servers: &[Postgres]) {
    chain.stop(0);
    chain.resume(0);
    assert_ne!(chain.sql(0, "SELECT pg_last_wal_replay_lsn()"), "");
    assert_eq!(servers[0].replay_position().await.unwrap(), None);
}

async fn a_wait_outlives_a_restart(chain: &mut Chain, servers: &[Postgres]) {
    chain.stop(2);
    let error = servers[2].replay_position().await.unwrap_err();
    assert!(error.is_connection_refused(), "{error:?}");
    chain.sql(0, "INSERT INTO t VALUES (0)");
    let target = servers[0].current_position().await.unwrap();
    let tail = servers[2].clone();
    let waiting = tokio::spawn(async move {
        let mut answers: Vec<Option<Lsn>> = Vec::new();
        let wait = ReplayWait::up_to(PATIENCE);
        tail.wait_for_replay(target, wait, |step| answers.push(step.replayed)).await.unwrap();
        answers
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    chain.resume(2);
    let answers = waiting.await.unwrap();
    assert_eq!(answers.first(), Some(&None), "it was asked while it was away");
    assert!(answers.last().unwrap().unwrap() >= target);
}

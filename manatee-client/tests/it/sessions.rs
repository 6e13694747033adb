//! Sessions that are cut off, expire, or live through the absence of their servers.

use std::time::Duration;

use manatee_client::{ClusterState, Established, Session, SessionEvent, SessionOptions, Unfrozen};
use tokio::time::timeout;

use crate::servers::proxy::{Line, Proxy};
use crate::servers::zookeeper::ZooKeeper;
use crate::support::{first_state, options, peer, session, session_at, shard};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_session_is_told_everywhere() {
    let server = ZooKeeper::start();
    let proxy = Proxy::to(server.address()).await;
    let victim = session_at(proxy.address(), &options(Duration::from_secs(1))).await;
    let observer = session(&server).await;
    let mine = shard(&victim, "x");
    mine.establish(&first_state()).await.unwrap();
    mine.announce(&peer(1)).await.unwrap();
    let mut events = victim.events();
    let mut watch = mine.watch();
    watch.next().await.unwrap();
    let waiting = tokio::spawn(async move { watch.next().await });
    let mut candidates = shard(&observer, "x").watch_candidates();
    assert_eq!(candidates.next().await.unwrap().len(), 1);

    // A short break is none.
    proxy.set(Line::Cut);
    assert_eq!(timeout(PATIENCE, events.next()).await.unwrap(), Some(SessionEvent::Disconnected));
    proxy.set(Line::Open);
    assert_eq!(timeout(PATIENCE, events.next()).await.unwrap(), Some(SessionEvent::Reconnected));
    assert!(mine.read().await.unwrap().is_some());
    assert!(!waiting.is_finished());

    proxy.set(Line::Cut);
    assert_eq!(timeout(PATIENCE, events.next()).await.unwrap(), Some(SessionEvent::Disconnected));
    let gone = timeout(PATIENCE, candidates.next()).await.unwrap().unwrap();
    assert_eq!(gone, [], "the servers end the session on their own");
    proxy.set(Line::Open);
    assert_eq!(timeout(PATIENCE, events.next()).await.unwrap(), Some(SessionEvent::Expired));
    assert_eq!(events.next().await, None);
    assert!(victim.is_over());
    assert!(timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap_err().is_expired());
    assert!(mine.read().await.unwrap_err().is_expired());
    assert!(mine.unfreeze("setup").await.unwrap_err().is_expired());
    let anew = session_at(proxy.address(), &options(Duration::from_secs(1))).await;
    assert_eq!(shard(&anew, "x").unfreeze("setup").await.unwrap(), Unfrozen::Now);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_lives_through_the_absence_of_its_servers() {
    let mut server = ZooKeeper::start();
    let hasty = SessionOptions {
        session_timeout: Duration::from_secs(30),
        operation_timeout: Duration::from_millis(500),
    };
    let hasty = session_at(&server.address(), &hasty).await;
    let patient = session_at(&server.address(), &options(Duration::from_secs(30))).await;
    let mine = shard(&patient, "x");
    mine.establish(&first_state()).await.unwrap();
    mine.announce(&peer(1)).await.unwrap();
    let mut events = patient.events();

    server.stop();
    assert_eq!(timeout(PATIENCE, events.next()).await.unwrap(), Some(SessionEvent::Disconnected));
    let error = shard(&hasty, "x").read().await.unwrap_err();
    assert!(error.is_retryable() && !error.is_expired(), "{error:?}");
    let options = SessionOptions {
        operation_timeout: Duration::from_millis(500),
        ..SessionOptions::default()
    };
    let refused = Session::connect(&server.address().parse().unwrap(), &options).await;
    assert!(refused.unwrap_err().is_retryable());
    // A change begun meanwhile waits for the servers.
    let waiting = {
        let mine = mine.clone();
        tokio::spawn(async move { mine.unfreeze("setup").await })
    };
    server.resume();
    assert_eq!(timeout(PATIENCE, events.next()).await.unwrap(), Some(SessionEvent::Reconnected));
    assert_eq!(timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap(), Unfrozen::Now);
    let candidates = mine.candidates().await.unwrap();
    assert_eq!(
        candidates[0].session,
        patient.id(),
        "the same session, and what is ephemeral in it"
    );
    assert!(!mine.read_existing().await.unwrap().state.is_frozen());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_outcome_is_unknown_is_looked_up() {
    let server = ZooKeeper::start();
    let proxy = Proxy::to(server.address()).await;
    let options = SessionOptions {
        session_timeout: Duration::from_secs(30),
        operation_timeout: Duration::from_millis(700),
    };
    let session = session_at(proxy.address(), &options).await;
    let mine = shard(&session, "x");
    // It happens, and nobody says so.
    proxy.set(Line::AnswersLost);
    assert_eq!(mine.establish(&first_state()).await.unwrap(), Established::AlreadyThere);
    assert_eq!(mine.unfreeze("setup").await.unwrap(), Unfrozen::Now);
    let stored = mine.read_existing().await.unwrap();
    assert_eq!((stored.version, stored.state.is_frozen()), (1, false), "written once");
    let frozen = ClusterState { freeze: first_state().freeze, ..stored.state.clone() };
    let error = mine.replace(&stored, &frozen).await.unwrap_err();
    assert!(error.outcome_unknown() && error.is_retryable(), "{error:?}");
    assert_eq!(mine.read_existing().await.unwrap().version, 2);
    // It does not happen, and nobody says so: it is tried again.
    proxy.set(Line::RequestsLost);
    let waiting = {
        let mine = mine.clone();
        tokio::spawn(async move { mine.unfreeze("setup").await })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(mine.read_existing().await.unwrap().state.is_frozen());
    proxy.set(Line::Open);
    assert_eq!(timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap(), Unfrozen::Now);
    assert_eq!(mine.history().await.unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_server_does_not_stop_the_others_from_answering() {
    let server = ZooKeeper::start();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("{},{}", silent.local_addr().unwrap(), server.address());
    let options = SessionOptions {
        session_timeout: Duration::from_secs(2),
        operation_timeout: Duration::from_secs(6),
    };
    let session = session_at(&address, &options).await;
    let mine = shard(&session, "x");
    assert_eq!(mine.establish(&first_state()).await.unwrap(), Established::Written);
    // The server that answered is asked first from then on.
    let start = std::time::Instant::now();
    assert_eq!(mine.unfreeze("setup").await.unwrap(), Unfrozen::Now);
    assert!(start.elapsed() < Duration::from_millis(1500));
}

//! Sessions that are cut off, expire, or live through the absence of their servers.

use std::time::Duration;

use manatee_client::{
    ClusterState, Established, Frozen, Session, SessionEvent, SessionOptions, Shard, Unfrozen,
};
use test_servers::{Line, Proxy, ZooKeeper, own_address};
use tokio::time::timeout;

use crate::support::{first_state, now, options, peer, session, session_at, shard};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_session_is_told_everywhere() {
    let server = ZooKeeper::start();
    let proxy = Proxy::to(server.address()).await;
    let victim = session_at(proxy.address(), &options(Duration::from_secs(3))).await;
    let observer = session(&server).await;
    let mine = shard(&victim, "x");
    mine.establish(&first_state()).await.unwrap();
    mine.announce(&peer(1)).await.unwrap();
    let mut events = victim.events();
    let mut watch = mine.watch();
    watch.next().await.unwrap();
    let waiting = tokio::spawn(async move {
        let told = watch.next().await.unwrap();
        (told, watch)
    });
    let mut candidates = shard(&observer, "x").watch_candidates();
    assert_eq!(candidates.next().await.unwrap().len(), 1);

    // A short break is none, and what was written meanwhile is told after it.
    proxy.set(Line::Cut);
    assert_eq!(timeout(PATIENCE, events.next()).await.unwrap(), Some(SessionEvent::Disconnected));
    shard(&observer, "x").unfreeze("setup").await.unwrap();
    proxy.set(Line::Open);
    assert_eq!(timeout(PATIENCE, events.next()).await.unwrap(), Some(SessionEvent::Reconnected));
    let (told, mut watch) = timeout(PATIENCE, waiting).await.unwrap().unwrap();
    assert_eq!(told.unwrap().version, 1);
    let waiting = tokio::spawn(async move { watch.next().await });

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
    assert!(mine.freeze(now(), "late", "late").await.unwrap_err().is_expired());
    let anew = session_at(proxy.address(), &options(Duration::from_secs(3))).await;
    assert_eq!(shard(&anew, "x").freeze(now(), "anew", "anew").await.unwrap(), Frozen::Now);
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
async fn a_moment_without_a_leader_is_survived() {
    let [first, mut second] = ZooKeeper::start_two();
    let both = format!("{},{}", first.address(), second.address());
    let session = session_at(&both, &options(Duration::from_secs(30))).await;
    let mine = shard(&session, "x");
    mine.establish(&first_state()).await.unwrap();
    mine.announce(&peer(1)).await.unwrap();
    // Transactions go to the first server, the sessions to either: all see what they wrote.
    for server in [&first, &second] {
        let session = session_at(&server.address(), &options(Duration::from_secs(30))).await;
        let shard = Shard::new(session, mine.name().clone());
        for _ in 0..20 {
            mine.unfreeze("setup").await.unwrap();
            let version = mine.read_existing().await.unwrap().version;
            shard.session().sync().await.unwrap();
            let seen = shard.read_existing().await.unwrap().version;
            assert_eq!(seen, version, "at {}", server.address());
            mine.freeze(now(), "setup of the test", "setup").await.unwrap();
            assert!(mine.read_existing().await.unwrap().state.is_frozen());
        }
    }
    let mut events = session.events();

    // The first one goes on listening, and serves nobody.
    second.stop();
    assert_eq!(timeout(PATIENCE, events.next()).await.unwrap(), Some(SessionEvent::Disconnected));
    let short = SessionOptions {
        operation_timeout: Duration::from_millis(500),
        ..SessionOptions::default()
    };
    let refused = Session::connect(&both.parse().unwrap(), &short).await.unwrap_err();
    assert!(refused.is_retryable(), "{refused:?}");
    let waiting = {
        let mine = mine.clone();
        tokio::spawn(async move { mine.unfreeze("setup").await })
    };
    second.resume();
    assert_eq!(timeout(PATIENCE, events.next()).await.unwrap(), Some(SessionEvent::Reconnected));
    assert_eq!(timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap(), Unfrozen::Now);
    assert_eq!(mine.candidates().await.unwrap()[0].session, session.id());
}

#[tokio::test]
async fn a_dropped_future_loses_no_change_and_leaves_the_watch() {
    let server = ZooKeeper::start();
    let session = session(&server).await;
    let shard = shard(&session, "x");
    shard.establish(&first_state()).await.unwrap();
    let (mut states, mut candidates) = (shard.watch(), shard.watch_candidates());
    assert!(states.next().await.unwrap().is_some());
    assert_eq!(candidates.next().await.unwrap(), []);
    for _ in 0..3 {
        // Nothing changed, so neither tells anything, however often it is asked.
        let short = Duration::from_millis(20);
        assert!(timeout(short, states.next()).await.is_err());
        assert!(timeout(short, candidates.next()).await.is_err());
    }
    shard.unfreeze("setup").await.unwrap();
    shard.announce(&peer(1)).await.unwrap();
    assert_eq!(timeout(PATIENCE, states.next()).await.unwrap().unwrap().unwrap().version, 1);
    assert_eq!(timeout(PATIENCE, candidates.next()).await.unwrap().unwrap().len(), 1);
    // Triton's old servers close connections that ask for a watch to be removed.
    drop((states, candidates));
    session.sync().await.unwrap();
    let watches = server.says("wchs").unwrap();
    assert!(watches.contains("Total watches:1"), "it counts those on data: {watches}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_is_given_up_before_its_answer_breaks_no_connection() {
    let server = ZooKeeper::start();
    let session = session(&server).await;
    let shard = shard(&session, "x");
    shard.establish(&first_state()).await.unwrap();
    let (mut events, mut states) = (session.events(), shard.watch());
    tokio::select! {
        biased;
        state = states.next() => panic!("it was not waited for: {state:?}"),
        () = std::future::ready(()) => {}
    }
    // The answer comes before that to this, and what it sets off before that to the next.
    session.sync().await.unwrap();
    session.sync().await.unwrap();
    let watches = server.says("wchs").unwrap();
    assert!(watches.contains("Total watches:1"), "nobody asked to remove it: {watches}");
    let none = timeout(Duration::from_millis(100), events.next()).await;
    assert!(none.is_err(), "{none:?}");
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
    // It does not happen, and nobody says so: it is tried again, and not for ever.
    proxy.set(Line::RequestsLost);
    let error = timeout(PATIENCE, mine.unfreeze("setup")).await.unwrap().unwrap_err();
    assert!(error.outcome_unknown(), "{error:?}");
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
    let silent = std::net::TcpListener::bind((own_address(), 0)).unwrap();
    let address = format!("{},{}", silent.local_addr().unwrap(), server.address());
    let options = SessionOptions {
        session_timeout: Duration::from_secs(2),
        operation_timeout: Duration::from_secs(6),
    };
    let session = session_at(&address, &options).await;
    let mine = shard(&session, "x");
    assert_eq!(mine.establish(&first_state()).await.unwrap(), Established::Written);
    // The server that answered is asked first from then on.
    silent.set_nonblocking(true).unwrap();
    while silent.accept().is_ok() {}
    assert_eq!(mine.unfreeze("setup").await.unwrap(), Unfrozen::Now);
    assert_eq!(silent.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

//! Establishing, reading, writing and freezing a shard; its election and its history.

use std::time::Duration;

use manatee_client::{
    ClusterState, Established, Frozen, HistoryEvent, IllegalTransition, Removed, Session, Shard,
    ShardError, Unfrozen, active_candidates, history_summaries,
};
use test_servers::{ZooKeeper, free_port, own_address};

use crate::support::{
    PERSISTENT, first_state, now, options, peer, raw, session, session_at, shard, taken_over,
};

#[tokio::test]
async fn a_shard_from_its_first_state_on() {
    let server = ZooKeeper::start();
    let session = session(&server).await;
    establish(&session).await;
    replace_compares_even_version_0(&session).await;
    illegal_states_are_not_sent(&session).await;
    freezes_have_owners(&session).await;
    a_missing_history_is_made(&server, &session).await;
    bad_states_are_told_and_not_overwritten(&server, &session).await;
    history_has_entries_of_both_versions(&server, &session).await;
    the_newest_child_of_an_id_counts(&server, &session).await;
    a_chroot_is_part_of_every_path(&server).await;
    a_shard_is_removed_whole_or_not_at_all(&session).await;
}

async fn establish(session: &Session) {
    let shard = shard(session, "1.moray.test");
    assert_eq!(shard.read().await.unwrap(), None);
    assert!(matches!(shard.read_existing().await, Err(ShardError::NoState { .. })));
    assert!(matches!(shard.freeze(now(), "r", "o").await, Err(ShardError::NoState { .. })));
    let state = first_state();
    assert_eq!(shard.establish(&state).await.unwrap(), Established::Written);
    assert_eq!(shard.establish(&state).await.unwrap(), Established::AlreadyThere);
    let stored = shard.read_existing().await.unwrap();
    assert_eq!((&stored.state, stored.version), (&state, 0));
    let mut other = state.clone();
    other.asyncs.clear();
    let refused = shard.establish(&other).await;
    assert!(matches!(refused, Err(ShardError::AlreadyEstablished { .. })), "{refused:?}");
    assert_eq!(shard.history().await.unwrap().len(), 1);
    let half_made = crate::support::shard(session, "0.moray.test");
    half_made.announce(&peer(1)).await.unwrap();
    let names = Shard::list(session).await.unwrap();
    assert_eq!(names, [half_made.name().clone(), shard.name().clone()], "without a state too");
}

async fn replace_compares_even_version_0(session: &Session) {
    let shard = shard(session, "2.moray.test");
    shard.establish(&first_state()).await.unwrap();
    let first = shard.read_existing().await.unwrap();
    assert_eq!(first.version, 0);
    let without_async = ClusterState { asyncs: Vec::new(), ..first.state.clone() };
    let second = shard.replace(&first, &without_async).await.unwrap();
    assert_eq!(second.version, 1);
    // The first reader writes as well, for version 0: Manatee's own library would overwrite.
    let unfrozen = ClusterState { freeze: None, ..first.state.clone() };
    let lost = shard.replace(&first, &unfrozen).await;
    assert!(matches!(lost, Err(ShardError::Conflict { expected: 0, .. })), "{lost:?}");
    assert_eq!(shard.read_existing().await.unwrap(), second);
    assert_eq!(shard.history().await.unwrap().len(), 2, "no entry for what was not written");
}

async fn illegal_states_are_not_sent(session: &Session) {
    let shard = shard(session, "3.moray.test");
    shard.establish(&first_state()).await.unwrap();
    let stored = shard.read_existing().await.unwrap();
    let refused = shard.replace(&stored, &taken_over(&stored.state)).await;
    let Err(ShardError::Illegal { source: IllegalTransition::Frozen, .. }) = refused else {
        panic!("{refused:?}");
    };
    let mut twice = stored.state.clone();
    twice.asyncs.push(twice.primary.clone());
    let refused = shard.replace(&stored, &twice).await;
    assert!(matches!(refused, Err(ShardError::Unsafe { .. })), "{refused:?}");
    let mut silent = first_state();
    silent.primary.backup_url = None;
    let refused = crate::support::shard(session, "4.moray.test").establish(&silent).await;
    assert!(matches!(refused, Err(ShardError::Unsafe { .. })), "{refused:?}");
    assert_eq!(shard.read_existing().await.unwrap(), stored);
    assert_eq!(shard.unfreeze("setup").await.unwrap(), Unfrozen::Now);
    let unfrozen = shard.read_existing().await.unwrap();
    let next = shard.replace(&unfrozen, &taken_over(&unfrozen.state)).await.unwrap();
    assert_eq!(next.state.generation.count(), Some(2));
}

async fn freezes_have_owners(session: &Session) {
    let shard = shard(session, "5.moray.test");
    shard.establish(&first_state()).await.unwrap();
    let other = shard.freeze(now(), "mine", "plan-7").await;
    let Err(ShardError::FrozenByOther { owner: Some(owner), reason, .. }) = other else {
        panic!("{other:?}");
    };
    assert_eq!((owner.as_str(), reason.as_str()), ("setup", "setup of the test"));
    assert!(matches!(shard.unfreeze("plan-7").await, Err(ShardError::FrozenByOther { .. })));
    assert_eq!(shard.unfreeze("setup").await.unwrap(), Unfrozen::Now);
    assert_eq!(shard.unfreeze("setup").await.unwrap(), Unfrozen::Already);
    assert_eq!(shard.freeze(now(), "plan 7 moves it", "plan-7").await.unwrap(), Frozen::Now);
    let before = shard.read_existing().await.unwrap();
    assert_eq!(shard.freeze(now(), "again", "plan-7").await.unwrap(), Frozen::Already);
    assert_eq!(shard.read_existing().await.unwrap(), before, "the first freeze stays as it is");
    // A freeze by manatee-adm has no owner, the one of old versions not even a reason: neither is ours.
    for freeze in ["{\"date\":\"d\",\"reason\":\"plan-7\"}", "true", "{}"] {
        let stored = shard.read_existing().await.unwrap();
        let mut document = serde_json::to_value(&stored.state).unwrap();
        document["freeze"] = serde_json::from_str(freeze).unwrap();
        let state = ClusterState::from_value(document).unwrap();
        shard.replace(&stored, &state).await.unwrap();
        let refused = shard.unfreeze("plan-7").await;
        assert!(
            matches!(refused, Err(ShardError::FrozenByOther { owner: None, .. })),
            "{refused:?}"
        );
    }
}

async fn a_missing_history_is_made(server: &ZooKeeper, session: &Session) {
    let shard = shard(session, "6.moray.test");
    let raw = raw(server).await;
    let data = first_state().to_checked_json().unwrap();
    raw.mkdir("/manatee/6.moray.test", &PERSISTENT).await.unwrap();
    raw.create("/manatee/6.moray.test/state", &data, &PERSISTENT).await.unwrap();
    assert_eq!(shard.history().await.unwrap().len(), 0);
    assert_eq!(shard.unfreeze("setup").await.unwrap(), Unfrozen::Now);
    assert_eq!(shard.history().await.unwrap().len(), 1);
}

async fn bad_states_are_told_and_not_overwritten(server: &ZooKeeper, session: &Session) {
    let shard = shard(session, "7.moray.test");
    let raw = raw(server).await;
    raw.mkdir("/manatee/7.moray.test", &PERSISTENT).await.unwrap();
    raw.create("/manatee/7.moray.test/state", b"{\"freeze\":\"CM-1\"", &PERSISTENT).await.unwrap();
    assert!(matches!(shard.read().await, Err(ShardError::BadState { .. })));
    assert!(matches!(shard.establish(&first_state()).await, Err(ShardError::BadState { .. })));
    assert!(matches!(shard.unfreeze("setup").await, Err(ShardError::BadState { .. })));
    assert_eq!(shard.read_raw().await.unwrap().unwrap(), b"{\"freeze\":\"CM-1\"");
    // A watch outlives it.
    let mut watch = shard.watch();
    assert!(matches!(watch.next().await, Err(ShardError::BadState { .. })));
    let good = first_state().to_checked_json().unwrap();
    raw.set_data("/manatee/7.moray.test/state", &good, None).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().state, first_state());
    raw.delete("/manatee/7.moray.test/state", None).await.unwrap();
    assert_eq!(watch.next().await.unwrap(), None, "a deletion is noticed");
    raw.create("/manatee/7.moray.test/state", &good, &PERSISTENT).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().version, 0);
}

async fn history_has_entries_of_both_versions(server: &ZooKeeper, session: &Session) {
    let shard = shard(session, "8.moray.test");
    let raw = raw(server).await;
    raw.mkdir("/manatee/8.moray.test/history", &PERSISTENT).await.unwrap();
    let sequential =
        zookeeper::CreateMode::PersistentSequential.with_acls(zookeeper::Acls::anyone_all());
    let directory = "/manatee/8.moray.test/history";
    let old = format!("{directory}/1395789204123-10.0.0.1-AssumeLeader-Primary-null-10.0.0.2-");
    raw.create(&old, b"", &sequential).await.unwrap();
    shard.establish(&first_state()).await.unwrap();
    shard.unfreeze("setup").await.unwrap();
    raw.create(&format!("{directory}/0-"), b"nonsense", &sequential).await.unwrap();
    let history = shard.history().await.unwrap();
    let sequences: Vec<_> = history.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, [0, 1, 2, 3], "one counter for all prefixes");
    assert!(
        matches!(&history[0].event, HistoryEvent::Version1(event) if event.slave == "10.0.0.2")
    );
    assert_eq!(history[0].time.as_millisecond(), 1_395_789_204_123);
    assert!(matches!(&history[1].event, HistoryEvent::State(state) if state.is_frozen()));
    assert!(matches!(&history[3].event, HistoryEvent::Unreadable(_)));
    let expected = [
        "v1.0 event",
        "follow-up from 1.0 event",
        "cluster unfrozen",
        "error: the state cannot be read",
    ];
    assert_eq!(history_summaries(&history), expected);
}

async fn the_newest_child_of_an_id_counts(server: &ZooKeeper, session: &Session) {
    let shard = shard(session, "9.moray.test");
    assert_eq!(shard.candidates().await.unwrap(), []);
    shard.announce(&peer(9)).await.unwrap();
    let mut watch = shard.watch_candidates();
    assert_eq!(watch.next().await.unwrap().len(), 1);
    // The sitters of 9 (restarted) and of 10.
    let second = crate::support::session(server).await;
    let again = crate::support::shard(&second, "9.moray.test");
    again.announce(&peer(9)).await.unwrap();
    again.announce(&peer(10)).await.unwrap();
    while watch.next().await.unwrap().len() < 3 {}
    let all = shard.candidates().await.unwrap();
    let peers = active_candidates(&all);
    let seen: Vec<_> = peers.iter().map(|c| (c.announced.ip.as_str(), c.sequence)).collect();
    assert_eq!(seen, [("10.0.0.10", 2), ("10.0.0.9", 1)]);
    assert_eq!(peers[1].peer().unwrap(), peer(9));
    assert_eq!(peers[1].session, second.id());
    drop((again, second));
    while watch.next().await.unwrap().len() > 1 {}
}

async fn a_chroot_is_part_of_every_path(server: &ZooKeeper) {
    raw(server).await.mkdir("/lab/one", &PERSISTENT).await.unwrap();
    // The first server of the list does not run.
    let address = format!("{}:{},{}/lab/one", own_address(), free_port(), server.address());
    let session = session_at(&address, &options(Duration::from_secs(10))).await;
    let shard = shard(&session, "1.moray.test");
    assert_eq!(shard.establish(&first_state()).await.unwrap(), Established::Written);
    shard.unfreeze("setup").await.unwrap();
    let raw = raw(server).await;
    raw.get_data("/lab/one/manatee/1.moray.test/state").await.unwrap();
    assert_eq!(shard.history().await.unwrap().len(), 2);
}

async fn a_shard_is_removed_whole_or_not_at_all(session: &Session) {
    let shard = shard(session, "10.removed");
    assert_eq!(shard.remove(None).await.unwrap(), Removed::Already);
    shard.establish(&first_state()).await.unwrap();
    let version = shard.read_existing().await.unwrap().version;
    for other in [None, Some(version + 1)] {
        let error = shard.remove(other).await.unwrap_err();
        assert!(matches!(error, ShardError::Conflict { .. }), "{error}");
    }
    let announced =
        session_at(&session.servers().to_string(), &options(Duration::from_secs(10))).await;
    let user = Shard::new(announced, shard.name().clone());
    user.announce(&peer(1)).await.unwrap();
    let error = shard.remove(Some(version)).await.unwrap_err();
    assert!(matches!(error, ShardError::InUse { .. }) && error.is_retryable(), "{error}");
    assert_eq!(shard.read_existing().await.unwrap().state, first_state());
    drop(user);
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !shard.candidates().await.unwrap().is_empty() {
        assert!(
            std::time::Instant::now() < deadline,
            "the announcement did not end with its session"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(shard.remove(Some(version)).await.unwrap(), Removed::Now);
    assert!(!Shard::list(session).await.unwrap().contains(shard.name()));
}

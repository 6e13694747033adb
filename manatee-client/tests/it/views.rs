//! The output that manatee-adm would show of a real shard.

use std::time::Duration;

use manatee_client::{
    ClusterState, ClusterView, Columns, Freeze, Lsn, PostgresView, Role, Shard, ShardError,
    ShowText, history_json, history_table, initial_state,
};
use test_servers::{Chain, ZooKeeper};

use crate::support::{now, peers_of, session, shard};

const PATIENCE: Duration = Duration::from_secs(20);
const TIMEOUT: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_as_manatee_adm_shows_it() {
    let server = ZooKeeper::start();
    let mut chain = Chain::start(3);
    let session = session(&server).await;
    let shard = shard(&session, "9.moray.test");
    let missing = ClusterView::load(&shard, TIMEOUT).await.unwrap_err();
    assert!(matches!(missing, ShardError::NoState { .. }));
    assert_eq!(missing.to_string(), "no state object exists for shard: \"9.moray.test\"");

    let reason = "moved by plan 7\n\nROLE     PEERNAME   IP";
    let freeze = Freeze::new(now(), reason, "plan-7");
    shard.establish(&initial_state(peers_of(&chain), Lsn::ZERO, freeze).unwrap()).await.unwrap();
    chain.sql(0, "CREATE TABLE t (x int)");
    let view = settled(&shard, |view| view.issues().is_empty()).await;
    let text = view.show(&server.address(), &Columns::pg_status(), true);
    let shown = ShowText::parse(&text).unwrap();
    assert_eq!(shown.freeze.as_ref().unwrap().reason, reason);
    assert_eq!(shown.issues, []);
    assert_eq!(shown.zookeeper, server.address());
    assert_eq!(shown.servers[0].downstream.as_ref().unwrap().sync_state, "sync");
    assert_eq!(shown.servers[1].downstream.as_ref().unwrap().sync_state, "async");
    assert_eq!(shown.servers[2].downstream, None);
    assert_eq!(view.verify().text(true), "all checks passed\n");
    let example = crate::examples::run("show", &[&server.address(), "9.moray.test"]);
    let by_example = ShowText::parse(str::from_utf8(&example.stdout).unwrap()).unwrap();
    assert_eq!(by_example.peers, shown.peers);
    assert_eq!(by_example.freeze.unwrap().reason, reason);
    let columns: Columns = "peername,role,ip,pg-online,pg-write,pg-lag".parse().unwrap();
    assert_eq!(view.table(&columns, false, Some(Role::Sync)).lines().count(), 1);

    // Somebody else streams from the primary and from the tail. After the sync was away theirs is the oldest connection, the
    // one that manatee-adm looks at.
    chain.let_a_stranger_stream(0);
    chain.let_a_stranger_stream(2);
    let tail = peers_of(&chain).remove(2);
    chain.stop(1);
    let down = settled(&shard, |view| view.issues().len() == 1).await;
    let issue = down.issues().remove(0).to_string();
    assert_eq!(issue, "error: cannot query postgres on sync: peer \"00000001\": ECONNREFUSED");
    assert!(!down.verify().passed());
    assert!(
        down.table(&Columns::pg_status(), false, Some(Role::Sync))
            .starts_with("sync     00000001 fail -")
    );
    chain.resume(1);
    let view = settled(&shard, |view| view.issues().is_empty()).await;
    let PostgresView::Answered { downstreams, .. } = &view.peers[0].postgres else { panic!() };
    assert_eq!(downstreams[0].application_name, "pg_receivewal");
    let text = view.show(&server.address(), &Columns::pg_status(), false);
    let shown = ShowText::parse(&text).unwrap();
    assert_eq!(shown.servers[0].downstream.as_ref().unwrap().sync_state, "sync");
    assert!(shown.servers[2].downstream.is_some(), "the last line has a connection too");
    chain.stop(2);
    let down = settled(&shard, |view| view.issues().len() == 1).await;
    let issue = down.issues().remove(0).to_string();
    assert_eq!(issue, "warning: peer \"00000001\": downstream replication peer not connected");
    assert_eq!(down.peers[2].peer, tail);

    let peers = ClusterView::load_peers(&shard).await.unwrap();
    let table = peers.table(&Columns::peers(), true, None);
    assert!(table.starts_with(
        "ROLE     PEERNAME                             IP              \nprimary  00000000-0000-"
    ));
    deposed_peers_are_not_asked(&shard, &peers.state).await;
    shard.unfreeze("plan-7").await.unwrap();
    let history = shard.history().await.unwrap();
    let table = history_table(&history, false, true);
    assert!(
        table.contains(" 1 multi frz 00000000 00000001 00000002 -        cluster setup for normal"),
        "{table}"
    );
    assert!(table.trim_end().ends_with("cluster unfrozen"));
    assert_eq!(history_json(&history).lines().count(), 2);
}

/// Nobody answers at the deposed peer's address, and nobody minds.
async fn deposed_peers_are_not_asked(shard: &Shard, state: &ClusterState) {
    let other = crate::support::shard(shard.session(), "10.moray.test");
    let deposed = vec![crate::support::peer(9)];
    other.establish(&ClusterState { deposed, ..state.clone() }).await.unwrap();
    let view = ClusterView::load(&other, TIMEOUT).await.unwrap();
    assert!(matches!(view.peers.last().unwrap().postgres, PostgresView::NotAsked));
    let row = view.table(&Columns::pg_status(), false, Some(Role::Deposed));
    assert!(row.starts_with("deposed  aa000009 ok   -"), "{row}");
}

/// The first view of which this holds.
async fn settled(shard: &Shard, holds: impl Fn(&ClusterView) -> bool) -> ClusterView {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let view = ClusterView::load(shard, TIMEOUT).await.unwrap();
        if holds(&view) {
            return view;
        }
        assert!(tokio::time::Instant::now() < deadline, "{:?}", view.issues());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

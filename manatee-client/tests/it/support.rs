//! Helpers that several tests need.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use manatee_client::{
    ClusterState, Freeze, Lsn, Peer, Session, SessionOptions, Shard, ZoneId, initial_state,
};
use test_servers::{Chain, ZooKeeper};

pub(crate) fn options(session_timeout: Duration) -> SessionOptions {
    SessionOptions { session_timeout, ..SessionOptions::default() }
}

pub(crate) async fn session(server: &ZooKeeper) -> Session {
    session_at(&server.address(), &options(Duration::from_secs(10))).await
}

pub(crate) async fn session_at(address: &str, options: &SessionOptions) -> Session {
    Session::connect(&address.parse().unwrap(), options).await.unwrap()
}

/// A client of ZooKeeper that can write anything. It makes nodes as servers know it before 3.5, too.
pub(crate) async fn raw(server: &ZooKeeper) -> zookeeper::Client {
    let connector = zookeeper::Client::connector().with_server_version(3, 4, 0);
    connector.connect(&server.address()).await.unwrap()
}

pub(crate) const PERSISTENT: zookeeper::CreateOptions<'static> =
    zookeeper::CreateMode::Persistent.with_acls(zookeeper::Acls::anyone_all());

pub(crate) fn shard(session: &Session, name: &str) -> Shard {
    Shard::new(session.clone(), name.parse().unwrap())
}

pub(crate) fn peer(number: u8) -> Peer {
    let zone = format!("aa{number:06}-0000-4000-8000-000000000000");
    Peer::new(ZoneId::from(zone.as_str()), &format!("10.0.0.{number}"), 5432, 12345)
}

pub(crate) fn now() -> Timestamp {
    "2024-05-06T07:08:09.123Z".parse().unwrap()
}

/// The peers that the servers of a chain are.
pub(crate) fn peers_of(chain: &Chain) -> Vec<Peer> {
    let peer = |(index, address): (usize, SocketAddr)| {
        let zone = format!("{index:08}-0000-4000-8000-000000000000");
        Peer::new(ZoneId::from(zone.as_str()), &address.ip().to_string(), address.port(), 12345)
    };
    chain.addresses().into_iter().enumerate().map(peer).collect()
}

/// Three peers, frozen by "setup".
pub(crate) fn first_state() -> ClusterState {
    let freeze = Freeze::new(now(), "setup of the test", "setup");
    initial_state(vec![peer(1), peer(2), peer(3)], Lsn::from_bytes(0x100), freeze).unwrap()
}

/// The state that the sync writes when it takes over.
pub(crate) fn taken_over(state: &ClusterState) -> ClusterState {
    let mut next = state.clone();
    next.generation = state.generation.next().unwrap();
    next.init_wal = Lsn::from_bytes(0x200).into();
    next.primary = state.sync.clone().unwrap();
    next.sync = Some(next.asyncs.remove(0));
    next.deposed.push(state.primary.clone());
    next
}

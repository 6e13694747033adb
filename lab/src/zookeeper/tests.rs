//! A real server, from its start over its end and its start again.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use zookeeper::{Acls, CreateMode};

use crate::programs::Programs;

use super::{ZooKeeperServer, connect, make_path, read, read_and_watch, wait_for_change};

const SESSION: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_keeps_its_data() {
    let directory = tempfile::tempdir().unwrap();
    let address = SocketAddr::from(([127, 77, 201, 10], 2181));
    let jars = &Programs::from_environment().jars;
    let mut server = ZooKeeperServer::start(directory.path(), address, None, jars).await.unwrap();
    let client = connect(&address.to_string(), SESSION).await.unwrap();
    make_path(&client, "/a/b").await.unwrap();
    make_path(&client, "/a/b").await.unwrap();
    assert_eq!(read(&client, "/a/c").await.unwrap(), None);

    let (node, watcher) = read_and_watch(&client, "/a/b/c").await.unwrap();
    assert_eq!(node, None);
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    client.create("/a/b/c", b"x", &options).await.unwrap();
    assert!(wait_for_change(watcher).await);
    let (node, watcher) = read_and_watch(&client, "/a/b/c").await.unwrap();
    let node = node.unwrap();
    assert_eq!((node.data.as_slice(), node.version), (&b"x"[..], 0));

    // A session outlives its server.
    server.kill().await;
    server.resume().await.unwrap();
    client.set_data("/a/b/c", b"y", None).await.unwrap();
    assert!(wait_for_change(watcher).await);
    let changed = read(&client, "/a/b/c").await.unwrap().unwrap();
    assert_eq!((changed.data.as_slice(), changed.version), (&b"y"[..], 1));
    assert!(changed.transaction > node.transaction);

    let other = tempfile::tempdir().unwrap();
    let error = ZooKeeperServer::start(other.path(), address, None, jars).await.unwrap_err();
    assert!(error.to_string().contains("cannot listen on 127.77.201.10:2181"), "{error}");

    server.stop().await;
    assert!(fs::read_dir(directory.path().join("data")).unwrap().next().is_some());
}

//! Requests that are given up before they are answered.

use std::collections::HashSet;
use std::time::Duration;

use moray_client::{Body, ClientOptions, Nulls};
use serde_json::json;
use tokio::time::timeout;

use crate::raw::RawServer;

#[tokio::test]
async fn a_request_given_up_leaves_the_connection_to_others() {
    let server = RawServer::start().await;
    let client = server.client(&ClientOptions::default());
    let mut first = client.call("first", &[], Nulls::Refuse).await.unwrap();
    let mut peer = server.accept().await;
    let first_id = peer.id().await;
    // A future that is dropped loses nothing.
    assert!(timeout(Duration::from_millis(20), first.next()).await.is_err());
    peer.send(first_id, Body::Data(vec![json!(1)])).await;
    assert_eq!(first.next().await.unwrap(), Some(json!(1)));
    drop(first);

    let mut second = client.call("second", &[], Nulls::Refuse).await.unwrap();
    let second_id = peer.id().await;
    assert_ne!(second_id, first_id);
    peer.send(first_id, Body::Data(vec![json!("for no one")])).await;
    peer.send(second_id, Body::Data(vec![json!(2)])).await;
    peer.send(first_id, Body::End(vec![])).await;
    peer.send(second_id, Body::End(vec![])).await;
    assert_eq!(second.next().await.unwrap(), Some(json!(2)));
    assert_eq!(second.next().await.unwrap(), None);
    assert_eq!(second.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_request_given_up_before_it_was_written_is_never_sent() {
    let server = RawServer::start().await;
    let client = server.client(&ClientOptions::default());
    let value = json!("x".repeat(15 << 20));
    let mut huge = client.call("huge", &[value], Nulls::Refuse).await.unwrap();
    let mut peer = server.accept().await;
    // Its first byte is there, the rest has no room before it is read.
    peer.socket.peek(&mut [0]).await.unwrap();
    let given_up = client.call("given up", &[], Nulls::Refuse).await.unwrap();
    drop(given_up);
    let mut small = client.call("small", &[], Nulls::Refuse).await.unwrap();

    let request = peer.receive().await.unwrap();
    assert_eq!(request.method.as_deref(), Some("huge"));
    peer.send(request.id, Body::End(vec![])).await;
    let request = peer.receive().await.unwrap();
    assert_eq!(request.method.as_deref(), Some("small"));
    peer.send(request.id, Body::End(vec![])).await;
    assert_eq!(huge.next().await.unwrap(), None);
    assert_eq!(small.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_server_that_never_answers_loses_its_connection_at_last() {
    let server = RawServer::start().await;
    let client = server.client(&ClientOptions::default());
    let mut ids = HashSet::new();
    let first = client.call("m", &[], Nulls::Refuse).await.unwrap();
    let mut peer = server.accept().await;
    ids.insert(peer.id().await);
    drop(first);
    for _ in 0..1024 {
        let request = client.call("m", &[], Nulls::Refuse).await.unwrap();
        assert!(ids.insert(peer.id().await));
        drop(request);
    }
    let _next = client.call("m", &[], Nulls::Refuse).await.unwrap();
    server.accept().await.id().await;
    assert!(peer.receive().await.is_none());
}

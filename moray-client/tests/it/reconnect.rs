//! Servers that go and come back.

use std::time::{Duration, Instant};

use moray_client::{Client, ClientOptions, Error, GetOptions, PutOptions, Server};
use serde_json::json;

use crate::raw::DEADLINE;
use crate::store::Store;

fn options() -> ClientOptions {
    ClientOptions { backoff_max: Duration::from_millis(200), ..Default::default() }
}

/// An address of its own at which nobody listens, and nobody but this test will.
async fn free(host: &str) -> String {
    let listener = tokio::net::TcpListener::bind((host, 0)).await.unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn a_request_waits_for_a_server_that_is_to_come() {
    let address = free("127.19.1.1").await;
    let client = Client::new(address.clone(), options());
    let put = tokio::spawn({
        let client = client.clone();
        async move { client.put_object("b", "k", &json!({}), &PutOptions::default()).await }
    });
    // Without patience the same address is an error at once, so there is nobody yet.
    let impatient = ClientOptions { connect_patience: Duration::ZERO, ..options() };
    let error = Client::new(address.clone(), impatient).tokens().await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    assert!(error.is_retryable());

    let _server = Server::start(address, Store::default()).await.unwrap();
    put.await.unwrap().unwrap();
}

#[tokio::test]
async fn without_a_server_the_patience_ends() {
    let address = free("127.19.1.2").await;
    let patience = Duration::from_millis(300);
    let client = Client::new(address, ClientOptions { connect_patience: patience, ..options() });
    let begun = Instant::now();
    let requests = (0..50).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.tokens().await })
    });
    for request in requests.collect::<Vec<_>>() {
        let error = request.await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    }
    // All of them wait at the same time, not one after the other.
    assert!(begun.elapsed() >= patience && begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_restarted_server_is_found_again() {
    let address = free("127.19.1.3").await;
    let client = Client::new(address.clone(), options());
    for round in 0..3 {
        let server = Server::start(address.clone(), Store::default()).await.unwrap();
        let key = format!("k{round}");
        let begun = Instant::now();
        // The first requests may meet the end of the old connections.
        loop {
            match client.put_object("b", &key, &json!({}), &PutOptions::default()).await {
                Ok(_) => break,
                Err(error) => assert!(error.is_retryable() || error.outcome_unknown(), "{error:?}"),
            }
            assert!(begun.elapsed() < DEADLINE);
        }
        client.get_object("b", &key, &GetOptions::default()).await.unwrap();
        server.stop().await;
    }
}

#[tokio::test]
async fn one_slot_that_cannot_connect_does_not_hold_up_the_other() {
    let address = free("127.19.1.4").await;
    let listener = tokio::net::TcpListener::bind(&address).await.unwrap();
    let slow = ClientOptions { backoff_min: DEADLINE, backoff_max: DEADLINE, ..options() };
    let client = Client::new(address, slow);
    // One connection, and then nobody listens any longer.
    let request = tokio::spawn({
        let client = client.clone();
        async move { client.tokens().await }
    });
    let (socket, _) = listener.accept().await.unwrap();
    drop(listener);
    let mut peer = crate::raw::RawPeer::new(socket);
    let id = peer.id().await;
    peer.answer(id, json!([])).await;
    request.await.unwrap().unwrap();
    let server = tokio::spawn(async move {
        while let Some(message) = peer.receive().await {
            peer.answer(message.id, json!([])).await;
        }
    });
    let begun = Instant::now();
    for _ in 0..10 {
        client.tokens().await.unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
    server.abort();
}

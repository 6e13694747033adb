//! The crate's server, and clients that misbehave.

use std::sync::Arc;

use moray_client::{
    Body, Client, ClientOptions, ErrorName, Frame, MessageId, Reply, Request, Server, ServerError,
    Status, Version,
};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use crate::raw::{RawPeer, bytes_of};

async fn echo(request: Request, reply: Reply) -> Result<(), ServerError> {
    match request.method.as_str() {
        "m" => drop(reply.send_together(request.args).await),
        "never" => std::future::pending().await,
        other => return Err(ServerError::unsupported_method(other)),
    }
    Ok(())
}

async fn start() -> (Server, RawPeer) {
    let server = Server::start("127.0.0.1:0", echo).await.unwrap();
    let peer = connect(&server).await;
    (server, peer)
}

async fn connect(server: &Server) -> RawPeer {
    RawPeer::new(TcpStream::connect(server.address()).await.unwrap())
}

fn id(number: u32) -> MessageId {
    MessageId::new(number).unwrap()
}

async fn send_payload(peer: &mut RawPeer, number: u32, payload: &str) {
    let (version, status) = (Version::V2, Status::Data);
    let frame = Frame { version, status, id: id(number), payload: payload.to_owned() };
    let mut bytes = bytes::BytesMut::new();
    frame.encode(&mut bytes).unwrap();
    peer.send_bytes(&bytes).await;
}

#[tokio::test]
async fn it_answers_in_the_version_of_the_request_also_on_one_connection() {
    let (_server, mut peer) = start().await;
    for (number, version) in [(0, Version::V1), (7, Version::V2), (0x7FFF_FFFF, Version::V1)] {
        let values = vec![json!("日本😀"), json!(1)];
        peer.send_bytes(&bytes_of(version, id(number), Body::Data(values.clone()))).await;
        let data = peer.receive().await.unwrap();
        assert_eq!((data.version, data.id, data.body), (version, id(number), Body::Data(values)));
        assert_eq!(data.method.as_deref(), Some("m"));
        let end = peer.receive().await.unwrap();
        assert_eq!((end.version, end.body), (version, Body::End(vec![])));
    }
}

#[tokio::test]
async fn a_request_without_method_and_an_unknown_method_are_answered_with_errors() {
    let (_server, mut peer) = start().await;
    for (payload, text) in [
        (r#"{"d":[]}"#, "RPC request is not well-formed"),
        (r#"{"m":{"name":7},"d":[]}"#, "RPC request is not well-formed"),
        (r#"{"m":{"name":"ping"},"d":[]}"#, "unsupported RPC method: \"ping\""),
    ] {
        send_payload(&mut peer, 1, payload).await;
        let Body::Error(error) = peer.receive().await.unwrap().body else { panic!("an error") };
        assert_eq!((error.name, error.message.as_str()), (ErrorName::Fast, text));
    }
}

#[tokio::test]
async fn an_abort_of_an_old_client_is_ignored() {
    let (_server, mut peer) = start().await;
    let abort = Body::Error(ServerError::new(ErrorName::Other("AbortedError".into()), "stop"));
    peer.send(id(1), abort.clone()).await;
    peer.send(id(1), Body::Data(vec![])).await;
    peer.send(id(1), abort).await;
    assert_eq!(peer.receive().await.unwrap().body, Body::Data(vec![]));
    assert_eq!(peer.receive().await.unwrap().body, Body::End(vec![]));
}

#[tokio::test]
async fn clients_that_break_the_protocol_are_dropped() {
    let (server, mut peer) = start().await;
    peer.send(id(1), Body::End(vec![])).await;
    assert!(peer.receive().await.is_none());

    let mut peer = connect(&server).await;
    send_payload(&mut peer, 1, r#"{"m":{"name":"never"},"d":[]}"#).await;
    send_payload(&mut peer, 1, r#"{"m":{"name":"m"},"d":[]}"#).await;
    assert!(peer.receive().await.is_none());

    for payload in ["nonsense", "null", r#"{"m":{"name":"m"},"d":{}}"#] {
        let mut peer = connect(&server).await;
        send_payload(&mut peer, 1, payload).await;
        assert!(peer.receive().await.is_none());
    }
    let mut peer = connect(&server).await;
    peer.send_bytes(b"GET / HTTP/1.1\r\n\r\n").await;
    assert!(peer.receive().await.is_none());

    // Others are not concerned.
    let mut peer = connect(&server).await;
    peer.send(id(1), Body::Data(vec![])).await;
    assert!(peer.receive().await.is_some());
}

#[tokio::test]
async fn what_has_begun_is_done_although_the_client_is_gone() {
    let (begun, mut has_begun) = mpsc::channel::<()>(1);
    let (done, mut has_done) = mpsc::channel(1);
    let may_end = Arc::new(Notify::new());
    let handler = {
        let may_end = Arc::clone(&may_end);
        move |_: Request, reply: Reply| {
            let (begun, done, may_end) = (begun.clone(), done.clone(), Arc::clone(&may_end));
            async move {
                begun.send(()).await.unwrap();
                may_end.notified().await;
                // Until it is noticed that no one is there.
                while reply.send(json!({})).await.is_ok() {}
                done.send(()).await.unwrap();
                Ok(())
            }
        }
    };
    let server = Server::start("127.0.0.1:0", handler).await.unwrap();
    let client = Client::new(server.address().to_string(), ClientOptions::default());
    let request = tokio::spawn(async move { client.ping(false).await });
    has_begun.recv().await.unwrap();
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    may_end.notify_one();
    has_done.recv().await.unwrap();
}

#[tokio::test]
async fn a_stopped_server_is_gone_with_its_connections_and_handlers() {
    let (server, mut peer) = start().await;
    send_payload(&mut peer, 1, r#"{"m":{"name":"never"},"d":[]}"#).await;
    send_payload(&mut peer, 2, r#"{"m":{"name":"m"},"d":[]}"#).await;
    assert!(peer.receive().await.is_some());
    let address = server.address();
    server.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
    while peer.receive().await.is_some() {}
}

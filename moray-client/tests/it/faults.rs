//! Servers that break off, hang, dribble or talk nonsense.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moray_client::{
    AnswerError, Body, Client, ClientOptions, ConnectError, ConnectionError, DeleteOptions, Error,
    FrameError, GetOptions, MessageId, Nulls, PutOptions, Version,
};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::raw::{RawPeer, RawServer, bytes_of, one_connection};

/// Tells whether it is what was expected.
type Check<E> = fn(&E) -> bool;

fn call(client: &Client, method: &'static str) -> JoinHandle<Result<Vec<Value>, Error>> {
    let client = client.clone();
    tokio::spawn(async move { client.call(method, &[], Nulls::Refuse).await?.all().await })
}

/// After whatever has happened, the client connects again and works.
async fn works_again(server: &RawServer, client: &Client) {
    let request = call(client, "again");
    let mut peer = server.accept().await;
    let id = peer.id().await;
    peer.answer(id, json!(1)).await;
    assert_eq!(request.await.unwrap().unwrap(), [json!(1)]);
}

fn cause(error: &Error) -> &Arc<ConnectionError> {
    let (Error::Unanswered { source, .. } | Error::NotSent { source, .. }) = error else {
        panic!("{error:?}")
    };
    source
}

#[tokio::test]
async fn a_reset_in_the_middle_leaves_the_outcome_unknown() {
    let server = RawServer::start().await;
    let client = server.client(&ClientOptions::default());
    let put = tokio::spawn({
        let client = client.clone();
        async move { client.put_object("b", "k", &json!({}), &PutOptions::default()).await }
    });
    let mut peer = server.accept().await;
    peer.id().await;
    peer.reset();
    let error = put.await.unwrap().unwrap_err();
    assert!(error.outcome_unknown() && !error.is_retryable(), "{error:?}");
    assert!(matches!(**cause(&error), ConnectionError::Io(_)), "{error:?}");
    works_again(&server, &client).await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let server = RawServer::start().await;
    let client = server.client(&ClientOptions::default());
    for (keep, truncated) in [(1, false), (2, false), (0, true)] {
        let request = call(&client, "m");
        let mut peer = server.accept().await;
        let id = peer.id().await;
        let mut bytes = bytes_of(Version::V2, id, Body::Data(vec![json!(1)]));
        if truncated {
            bytes.truncate(20);
        } else {
            bytes = bytes.repeat(keep)[..].into();
        }
        peer.send_bytes(&bytes).await;
        drop(peer);
        let error = request.await.unwrap().unwrap_err();
        assert!(error.outcome_unknown());
        let expected =
            if truncated { ConnectionError::Truncated(20) } else { ConnectionError::Closed };
        assert_eq!(cause(&error).to_string(), expected.to_string());
    }
    works_again(&server, &client).await;
}

#[tokio::test]
async fn a_server_that_hangs_is_not_waited_for_and_its_connection_not_used_again() {
    let server = RawServer::start().await;
    let client = server.client(&ClientOptions::default());
    let short = client.with_timeout(Duration::from_millis(150));
    let request = call(&short, "m");
    let mut hanging = server.accept().await;
    hanging.id().await;
    let error = request.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::TimedOut { sent: true, .. }), "{error:?}");
    assert!(error.outcome_unknown() && !error.is_retryable());
    works_again(&server, &client).await;
    // The old one is closed as no one needs it any longer.
    assert!(hanging.receive().await.is_none());
}

#[tokio::test]
async fn a_slow_method_does_not_cost_the_connection() {
    let server = RawServer::start().await;
    let client = server.client(&ClientOptions::default());
    let slow = call(&client.with_timeout(Duration::from_millis(300)), "slow");
    let mut peer = server.accept().await;
    let slow_id = peer.id().await;
    let quick = call(&client, "quick");
    let id = peer.id().await;
    peer.answer(id, json!("quick")).await;
    assert_eq!(quick.await.unwrap().unwrap(), [json!("quick")]);
    assert!(matches!(slow.await.unwrap(), Err(Error::TimedOut { .. })));

    // On the same connection. The late answer of the slow one is passed over.
    let next = call(&client, "next");
    let id = peer.id().await;
    assert_ne!(id, slow_id);
    peer.answer(slow_id, json!("late")).await;
    peer.answer(id, json!("next")).await;
    assert_eq!(next.await.unwrap().unwrap(), [json!("next")]);
}

#[tokio::test]
async fn bytes_may_come_one_by_one() {
    let server = RawServer::start().await;
    let client = server.client(&ClientOptions::default());
    let request = call(&client, "m");
    let mut peer = server.accept().await;
    peer.socket.set_nodelay(true).unwrap();
    let id = peer.id().await;
    let values = vec![json!({"é": "日本"}), json!([1.5])];
    let mut bytes = bytes_of(Version::V2, id, Body::Data(values.clone()));
    bytes.extend_from_slice(&bytes_of(Version::V2, id, Body::End(vec![json!("last")])));
    for byte in bytes {
        peer.send_bytes(&[byte]).await;
        tokio::task::yield_now().await;
    }
    let expected: Vec<_> = values.into_iter().chain([json!("last")]).collect();
    assert_eq!(request.await.unwrap().unwrap(), expected);
}

#[tokio::test]
async fn nonsense_breaks_the_connection_for_all_its_requests() {
    let first = MessageId::FIRST;
    let good = bytes_of(Version::V2, first, Body::Data(vec![json!("hello")]));
    let with = |at: usize, byte: u8| {
        let mut bytes = good.to_vec();
        bytes[at] = byte;
        bytes
    };
    let payload = |status: u8, json: &str| {
        let status =
            [moray_client::Status::Data, moray_client::Status::End, moray_client::Status::Error]
                [usize::from(status) - 1];
        let frame = moray_client::Frame {
            version: Version::V2,
            status,
            id: first,
            payload: json.to_owned(),
        };
        let mut bytes = bytes::BytesMut::new();
        frame.encode(&mut bytes).unwrap();
        bytes.to_vec()
    };
    let cases: Vec<(Vec<u8>, Check<ConnectionError>)> = vec![
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), |e| {
            matches!(e, ConnectionError::Frame(FrameError::Version(b'H')))
        }),
        (with(1, 9), |e| matches!(e, ConnectionError::Frame(FrameError::Type(9)))),
        (with(2, 0), |e| matches!(e, ConnectionError::Frame(FrameError::Status(0)))),
        (with(3, 0x80), |e| matches!(e, ConnectionError::Frame(FrameError::MessageId(_)))),
        (with(9, 0x12), |e| matches!(e, ConnectionError::Frame(FrameError::Checksum { .. }))),
        (with(20, b'!'), |e| matches!(e, ConnectionError::Frame(FrameError::Checksum { .. }))),
        (with(11, 0xFF), |e| matches!(e, ConnectionError::Frame(FrameError::TooLong { .. }))),
        (with(6, 99), |e| matches!(e, ConnectionError::UnknownMessageId(id) if id.get() == 99)),
        (payload(1, "null"), |e| matches!(e, ConnectionError::Message(_))),
        (payload(1, r#"{"m":{},"d":{}}"#), |e| matches!(e, ConnectionError::Message(_))),
        (payload(2, r#"{"m":{}}"#), |e| matches!(e, ConnectionError::Message(_))),
        (payload(3, r#"{"d":{"name":"E"}}"#), |e| matches!(e, ConnectionError::Message(_))),
    ];
    let server = RawServer::start().await;
    let client = server.client(&ClientOptions::default());
    for (bytes, check) in cases {
        let requests = [call(&client, "m"), call(&client, "m"), call(&client, "m")];
        let mut peer = server.accept().await;
        for _ in 0..3 {
            peer.id().await;
        }
        peer.send_bytes(&bytes).await;
        for request in requests {
            let error = request.await.unwrap().unwrap_err();
            assert!(error.outcome_unknown());
            assert!(check(cause(&error)), "{bytes:?}: {error:?}");
        }
        assert!(peer.receive().await.is_none(), "the client hangs up");
    }
    works_again(&server, &client).await;
}

#[tokio::test]
async fn what_was_not_written_yet_was_not_sent() {
    let server = RawServer::start().await;
    let client = server.client(&ClientOptions::default());
    // More than the kernel keeps for a reader that does not read.
    let huge = tokio::spawn({
        let (client, value) = (client.clone(), json!("x".repeat(15 << 20)));
        async move { client.call("huge", &[value], Nulls::Refuse).await?.all().await }
    });
    let peer = server.accept().await;
    let mut first_byte = [0];
    assert_eq!(peer.socket.peek(&mut first_byte).await.unwrap(), 1);
    let mut small = client.call("small", &[], Nulls::Refuse).await.unwrap();
    peer.reset();
    let error = huge.await.unwrap().unwrap_err();
    assert!(error.outcome_unknown(), "{error:?}");
    let error = small.next().await.unwrap_err();
    assert!(matches!(error, Error::NotSent { .. }), "{error:?}");
    assert!(error.is_retryable() && !error.outcome_unknown());
    works_again(&server, &client).await;
}

#[tokio::test]
async fn too_long_a_request_is_refused_here() {
    let server = RawServer::start().await;
    let client = server.client(&ClientOptions { max_payload: 100, ..Default::default() });
    let error = client.call("m", &["x".repeat(100).into()], Nulls::Refuse).await.unwrap_err();
    assert!(matches!(error, Error::RequestTooLong { .. }));
    assert!(!error.outcome_unknown() && !error.is_retryable());
    works_again(&server, &client).await;
}

#[tokio::test]
async fn an_answer_that_no_one_takes_is_cut_off_alone() {
    let server = RawServer::start().await;
    let client = server.client(&ClientOptions { max_waiting_bytes: 1000, ..Default::default() });
    let mut large = client.call("large", &[], Nulls::Refuse).await.unwrap();
    let mut peer = server.accept().await;
    let large_id = peer.id().await;
    for _ in 0..100 {
        peer.send(large_id, Body::Data(vec!["y".repeat(100).into()])).await;
    }
    let small = call(&client, "small");
    let id = peer.id().await;
    peer.answer(id, json!(2)).await;
    assert_eq!(small.await.unwrap().unwrap(), [json!(2)]);
    let mut taken = 0;
    let error = loop {
        match large.next().await {
            Ok(value) => taken += usize::from(value.is_some()),
            Err(error) => break error,
        }
    };
    assert_eq!(taken, 1000 / 133);
    let problem = AnswerError::TooMuchWaiting { max: 1000 };
    assert!(
        matches!(&error, Error::Answer { source, .. } if source.to_string() == problem.to_string())
    );
    assert!(matches!(large.next().await, Ok(None)));
}

#[tokio::test]
async fn nulls_are_an_error_where_they_are_not_expected() {
    let server = RawServer::start().await;
    let client = server.client(&ClientOptions::default());
    let request = call(&client, "m");
    let mut peer = server.accept().await;
    let refused = peer.id().await;
    peer.send(refused, Body::Data(vec![json!(1), Value::Null])).await;
    let error = request.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Answer { source: AnswerError::Null, .. }), "{error:?}");

    // Of this request only: the connection is used further, and the rest of the answer passed over.
    let delete = tokio::spawn({
        let client = client.clone();
        async move { client.delete_object("b", "k", &DeleteOptions::default()).await }
    });
    let id = peer.id().await;
    peer.send(refused, Body::End(vec![Value::Null])).await;
    peer.send(id, Body::Data(vec![json!({}), Value::Null])).await;
    peer.send(id, Body::End(vec![Value::Null])).await;
    delete.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_answer_of_another_shape_is_told() {
    let server = RawServer::start().await;
    let client = server.client(&ClientOptions::default());
    let get = |client: &Client| {
        let client = client.clone();
        tokio::spawn(async move { client.get_object("b", "k", &GetOptions::default()).await })
    };
    let mut request = get(&client);
    let mut peer = server.accept().await;
    let cases: [(Vec<Value>, Check<AnswerError>); 3] = [
        (vec![], |e| matches!(e, AnswerError::NotOne(0))),
        (vec![json!({}), json!({})], |e| matches!(e, AnswerError::NotOne(2))),
        (vec![json!({"bucket": "b"})], |e| matches!(e, AnswerError::Shape(_))),
    ];
    for (values, check) in cases {
        let id = peer.id().await;
        peer.send(id, Body::End(values)).await;
        let error = request.await.unwrap().unwrap_err();
        assert!(matches!(&error, Error::Answer { source, .. } if check(source)), "{error:?}");
        request = get(&client);
    }
    request.abort();
}

#[tokio::test]
async fn connecting_has_a_limit() {
    // A queue for one connection, which is never taken from it: the kernel ignores further ones.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(socket)) =
        timeout(Duration::from_millis(300), TcpStream::connect(address)).await
    {
        waiting.push(RawPeer::new(socket));
        assert!(waiting.len() < 100, "the kernel takes any number");
    }
    let limit = Duration::from_millis(100);
    let options = one_connection(&ClientOptions {
        connect_timeout: limit,
        connect_patience: Duration::ZERO,
        ..Default::default()
    });
    let client = Client::new(address.to_string(), options);
    let begun = Instant::now();
    let error = client.ping(false).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(
        matches!(&error, Error::Connect { source, .. } if matches!(**source, ConnectError::TimedOut(_))),
        "{error:?}"
    );
    assert!(error.is_retryable() && !error.outcome_unknown());

    // The request's own time is over sooner.
    let options = one_connection(&ClientOptions { request_timeout: limit, ..Default::default() });
    let error = Client::new(address.to_string(), options).ping(false).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { sent: false, .. }), "{error:?}");
    assert!(error.is_retryable() && !error.outcome_unknown());
}

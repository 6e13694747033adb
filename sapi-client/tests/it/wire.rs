//! Networks and servers that misbehave.

use std::time::{Duration, Instant};

use sapi_client::sapi::{Change, InstanceFilter, Sapi};
use sapi_client::{Attributes, Error, ErrorKind, HttpTransport, Retry, Settings, Unreadable};
use serde_json::json;

use crate::support::{Act, Server, cut, json, reply, settings, transport};

const APPLICATION: &str = "32f1b3e0-7a4d-4c0c-8f55-0f3f5a1c9a10";
const IMAGE: &str = "f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d";
const PING: &str = r#"{"mode":"full","storType":"MorayLocalStorage","storAvailable":true}"#;

fn ping() -> Act {
    reply(200, &[("Content-Type", "application/json")], PING.as_bytes())
}

fn change() -> Change {
    Change::update().metadata(Attributes::new().with("A", 1))
}

fn once(server: &Server) -> Sapi<HttpTransport> {
    Sapi::new(server.url(), transport(), Settings { retry: Retry::never(), ..settings() })
}

/// A client that waits for nothing long.
fn hasty(server: &Server) -> Sapi<HttpTransport> {
    let limit = Duration::from_millis(200);
    Sapi::new(
        server.url(),
        transport(),
        Settings { timeout: limit, retry: Retry::never(), ..settings() },
    )
}

#[tokio::test]
async fn reads_are_repeated_until_they_succeed() {
    let unavailable =
        json(503, &json!({"code": "ServiceUnavailableError", "message": "master not loaded"}));
    let half = Act::Bytes(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"mode\":".to_vec());
    let half_without_length =
        Act::Bytes(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"mode\":".to_vec());
    let half_chunk = Act::Bytes(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{\"mo".to_vec());
    let garbage = Act::Bytes(b"\x16\x03\x01 I speak no HTTP\r\n\r\n".to_vec());
    let reset = Act::Reset(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec());
    let troubles = [
        cut(),
        unavailable,
        half,
        half_without_length,
        half_chunk,
        garbage,
        Act::Reset(vec![]),
        reset,
        ping(),
    ];
    let count = troubles.len();
    let server = Server::script(troubles).await;
    server.sapi().ping().await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), count);
    let ids: Vec<_> = seen.iter().map(|request| request.header("x-request-id").unwrap()).collect();
    assert!(ids.iter().all(|id| *id == ids[0] && id.len() == 36), "{ids:?}");
}

#[tokio::test]
async fn what_will_not_pass_is_not_repeated() {
    for (act, status) in [
        (json(404, &json!({"code": "ResourceNotFound", "message": "no"})), Some(404)),
        (json(409, &json!({"code": "InvalidArgument", "message": ""})), Some(409)),
        (json(500, &json!({"message": "boom"})), Some(500)),
        (reply(302, &[("Location", "http://127.0.0.1:1/")], b""), Some(302)),
        (reply(406, &[], b""), Some(406)),
        (reply(200, &[("Content-Type", "text/html")], b"<html>log in</html>"), None),
        (reply(200, &[("Content-Type", "application/json")], b"}{"), None),
        (reply(200, &[("Content-Type", "application/json")], b"[]"), None),
    ] {
        let server = Server::script([act.clone()]).await;
        let error = server.sapi().ping().await.unwrap_err();
        assert_eq!(error.status(), status, "{error}");
        assert!(!error.is_retryable() && !error.outcome_unknown(), "{error}");
        assert_eq!(server.seen().len(), 1, "{error}");
    }
}

#[tokio::test]
async fn a_change_is_repeated_after_the_connection_was_cut_when_it_was_made() {
    let answer = json(200, &json!({"uuid": APPLICATION, "metadata": {"A": 1}}));
    let server = Server::script([cut(), Act::Reset(vec![]), answer]).await;
    let changed =
        server.sapi().change_application(APPLICATION.parse().unwrap(), change()).await.unwrap();
    assert_eq!(changed.metadata.unwrap().get("A"), Some(&json!(1)));
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|request| request.body == seen[0].body));
}

#[tokio::test]
async fn a_write_without_an_answer_is_of_unknown_outcome() {
    let head =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n".to_vec();
    for act in [
        cut(),
        Act::Reset(vec![]),
        Act::Bytes(head),
        Act::Bytes(b"nonsense".to_vec()),
        reply(200, &[("Content-Type", "application/json")], b"{\"uuid\":"),
        reply(200, &[("Content-Type", "text/plain")], b"{}"),
        reply(200, &[("Content-Type", "application/json")], b"{}"),
        reply(504, &[], b""),
    ] {
        let server = Server::script([act]).await;
        let error = once(&server)
            .change_application(APPLICATION.parse().unwrap(), change())
            .await
            .unwrap_err();
        assert!(error.outcome_unknown(), "{error}");
        assert!(error.to_string().contains("whether it was done is unknown"), "{error}");
        let error = server.sapi().delete_application(APPLICATION.parse().unwrap()).await;
        if let Err(error) = error {
            assert!(error.outcome_unknown() && !error.is_retryable(), "{error}");
        }
        assert_eq!(
            server.lines()[1..],
            [format!("DELETE /applications/{APPLICATION}")],
            "never repeated"
        );
    }
}

#[tokio::test]
async fn a_try_that_may_have_been_done_is_not_forgotten_for_a_later_one() {
    let retry = Retry { deadline: Duration::from_millis(100), ..settings().retry };
    for act in [
        json(503, &json!({"code": "ServiceUnavailableError", "message": "no"})),
        json(409, &json!({"code": "InvalidArgument", "message": ""})),
    ] {
        let server = Server::script([cut(), act.clone()]).await;
        let sapi = Sapi::new(server.url(), transport(), Settings { retry, ..settings() });
        let uuid = APPLICATION.parse().unwrap();
        let error = sapi.change_application(uuid, change()).await.unwrap_err();
        assert!(error.status().is_some() && error.outcome_unknown(), "{error}");

        let server = Server::script([act]).await;
        let sapi = Sapi::new(server.url(), transport(), Settings { retry, ..settings() });
        let error = sapi.change_application(uuid, change()).await.unwrap_err();
        assert!(!error.outcome_unknown(), "{error}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_not_of_unknown_outcome() {
    // A port that was just free.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let sapi = Sapi::new(url, transport(), Settings { retry: Retry::never(), ..settings() });
    let error = sapi.delete_application(APPLICATION.parse().unwrap()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Connect(_)), "{error}");
    assert!(error.is_retryable() && !error.outcome_unknown(), "{error}");
}

#[tokio::test]
async fn nothing_is_waited_for_longer_than_allowed() {
    let head =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 67\r\n\r\n".to_vec();
    let drops = PING.bytes().map(|byte| vec![byte]).collect::<Vec<_>>();
    let drip = [vec![head.clone()], drops].concat();
    for act in [Act::Hang(vec![]), Act::Hang(head), Act::Slowly(drip, Duration::from_millis(50))] {
        let server = Server::script([act]).await;
        let began = Instant::now();
        let error = hasty(&server).ping().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Timeout(_)), "{error}");
        assert!(error.is_retryable() && !error.outcome_unknown());
        assert!(began.elapsed() < Duration::from_secs(5));
        let error = hasty(&server)
            .change_application(APPLICATION.parse().unwrap(), change())
            .await
            .unwrap_err();
        assert!(error.outcome_unknown(), "{error}");
    }
}

#[tokio::test]
async fn repetition_ends_at_its_deadline() {
    let server = Server::script([cut()]).await;
    let retry = Retry { deadline: Duration::from_millis(300), ..settings().retry };
    let sapi = Sapi::new(server.url(), transport(), Settings { retry, ..settings() });
    let began = Instant::now();
    let error = sapi.ping().await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(server.seen().len() > 3);
}

#[tokio::test]
async fn slow_answers_that_keep_coming_are_waited_for() {
    let body =
        [b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 67\r\n\r\n"
            .to_vec()];
    let pieces = [body.to_vec(), PING.as_bytes().chunks(9).map(<[u8]>::to_vec).collect()].concat();
    let server = Server::script([Act::Slowly(pieces, Duration::from_millis(5))]).await;
    assert_eq!(server.sapi().ping().await.unwrap().store_available, Some(true));
}

#[tokio::test]
async fn huge_answers_are_refused_early() {
    // Announced, it is not even read.
    let announced =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n"
            .to_vec();
    // Unannounced, it is read up to the limit. The server would never end.
    let mut endless = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[".to_vec();
    endless.extend(std::iter::repeat_n(b' ', 9 * 1024 * 1024));
    let refused = |error: Error, what: &str| {
        assert!(!error.is_retryable());
        let text = error.to_string();
        assert!(text.contains(what), "{text}");
    };
    for act in [Act::Hang(announced), Act::Hang(endless)] {
        let server = Server::script([act.clone(), act]).await;
        let base = server.sapi().client().base().to_string();
        refused(
            server.sapi().ping().await.unwrap_err(),
            &format!(
                "SAPI: GET {base}/ping: the answer is larger than the 64 KiB that a short answer may have"
            ),
        );
        refused(
            server.sapi().get_instance(IMAGE.parse().unwrap()).await.unwrap_err(),
            "larger than the 8 MiB that one object may have",
        );
    }
    let list =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 67108865\r\n\r\n";
    let server = Server::script([Act::Hang(list.to_vec())]).await;
    refused(
        server.sapi().list_instances(&InstanceFilter::default()).await.unwrap_err(),
        "larger than the 64 MiB that a list may have",
    );
}

#[tokio::test]
async fn of_a_huge_refusal_the_status_is_told() {
    let mut endless =
        b"HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\n\r\n{\"message\":\"".to_vec();
    endless.extend(std::iter::repeat_n(b'x', 2 * 1024 * 1024));
    let server = Server::script([Act::Hang(endless)]).await;
    let error = server.sapi().ping().await.unwrap_err();
    assert_eq!(error.status(), Some(409), "{error}");
    assert!(error.to_string().len() < 400, "{error}");
}

#[tokio::test]
async fn what_a_server_says_cannot_forge_lines() {
    let message = "\u{1b}[2J\u{1b}[Hall is well\r\nreshard: done";
    let body = json!({"code": "Bad\u{7}", "message": message,
        "errors": [{"field": "a\nb", "code": "Invalid", "message": "c\u{9b}31m"}]});
    let wrong_type = reply(200, &[("Content-Type", "text/\u{9b}html")], b"[]");
    let wrong_shape = json(
        200,
        &json!([{"uuid": APPLICATION, "type": "vm", "metadata": {"x\u{1b}]0;\u{7}": 1}, "params": 7}]),
    );
    let server = Server::script([json(409, &body), wrong_type, wrong_shape]).await;
    let error = server.sapi().ping().await.unwrap_err();
    assert!(
        error.to_string().contains(
            r"409 Bad\u{7}: \u{1b}[2J\u{1b}[Hall is well\r\nreshard: done; a\nb: Invalid (c\u{9b}31m)"
        ),
        "{error}"
    );
    for _ in 0..2 {
        let error = server.sapi().list_instances(&InstanceFilter::default()).await.unwrap_err();
        assert!(!error.to_string().contains(char::is_control), "{error:?}");
    }
}

#[tokio::test]
async fn deep_json_does_not_overflow_the_stack() {
    let deep = format!(r#"{{"uuid":"{IMAGE}","deep":{}"#, "[".repeat(200_000));
    let server =
        Server::script([reply(200, &[("Content-Type", "application/json")], deep.as_bytes())])
            .await;
    let error = server.sapi().get_instance(IMAGE.parse().unwrap()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unreadable(Unreadable::NotJson { .. })), "{error}");
}

#[tokio::test]
async fn a_reprovisioning_that_sapi_cuts_off_is_asked_for_once() {
    let instance = json(200, &json!({"uuid": APPLICATION, "type": "vm"}));
    let server = Server::script([instance, cut()]).await;
    let error = server
        .sapi()
        .reprovision(APPLICATION.parse().unwrap(), IMAGE.parse().unwrap())
        .await
        .unwrap_err();
    assert!(error.outcome_unknown() && !error.is_retryable(), "{error}");
    assert_eq!(
        server.lines(),
        [format!("GET /instances/{APPLICATION}"), format!("PUT /instances/{APPLICATION}/upgrade")]
    );
}

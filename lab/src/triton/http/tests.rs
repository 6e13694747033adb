//! The server, asked by curl.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hyper::{Method, StatusCode};
use serde_json::json;
use tokio::process::Command;

use super::*;

/// Says what it was sent, and counts.
#[derive(Default)]
struct Echo(AtomicU32);

impl Api for Echo {
    type Route = ();

    fn profile(&self) -> Profile<()> {
        const ROUTES: &[RouteEntry<()>] = &[RouteEntry::new(Method::POST, "/echo/:name", ())];
        let versions = Versions { known: &[[1, 0, 0], [2, 0, 0]], absent: "~1" };
        Profile {
            server: "echo/1.0.0",
            routes: ROUTES,
            versions: Some(versions),
            indented: false,
            response_time: true,
            body_limit: 100,
        }
    }

    async fn handle(&self, (): (), request: ApiRequest) -> Answer {
        if request.query.get("slow").is_some() {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
        self.0.fetch_add(1, Ordering::SeqCst);
        if request.query.get("cut").is_some() {
            return Answer::cut();
        }
        let body = json!({
            "name": request.parameter("name"), "body": request.json(), "version": request.version,
        });
        Answer::json(StatusCode::OK, &body)
    }
}

async fn start(faults: &ApiFaults) -> (ApiServer, Arc<Echo>) {
    let api = Arc::new(Echo::default());
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let server =
        ApiServer::start(address, Arc::clone(&api), faults.of(ApiName::Sapi)).await.unwrap();
    (server, api)
}

/// Runs curl. Its exit status, and what it printed.
async fn curl(server: &ApiServer, path: &str, arguments: &[&str]) -> (i32, String) {
    let output = Command::new("curl")
        .args(["-s", "-i", "--max-time", "10", "-H", "Content-Type: application/json"])
        .args(arguments)
        .arg(format!("http://{}{path}", server.address()))
        .output()
        .await
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

const EMPTY_REPLY: i32 = 52;

#[tokio::test]
async fn curl_is_answered() {
    let (server, _) = start(&ApiFaults::default()).await;
    let (_, said) = curl(&server, "/echo/a%20b", &["-d", "[1]", "-H", "x-request-id: 7"]).await;
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, r#"{"name":"a b","body":[1],"version":1}"#);
    let head = head.to_ascii_lowercase();
    for line in ["server: echo/1.0.0", "x-request-id: 7", "connection: keep-alive", "\r\ndate: "] {
        assert!(head.contains(line), "{head}");
    }
    server.stop().await;
}

#[tokio::test]
async fn curl_is_refused_as_restify_would() {
    let (server, api) = start(&ApiFaults::default()).await;
    let long = "x".repeat(200);
    for (path, arguments, status) in [
        ("/echo", vec!["-d", "1"], 404),
        ("/echo/a", vec!["-X", "PUT"], 405),
        ("/echo/a", vec!["-d", "1", "-H", "Accept-Version: ~3"], 400),
        ("/echo/a", vec!["-d", "1", "-H", "Accept: text/xml"], 406),
        ("/echo/a", vec!["-d", "{"], 400),
        ("/echo/a", vec!["-d", "1", "-H", "Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg=="], 400),
        ("/echo/a", vec!["-d", &long], 413),
    ] {
        let (_, said) = curl(&server, path, &arguments).await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {arguments:?}: {said}");
    }
    assert_eq!(api.0.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn curl_sees_cut_connections() {
    let faults = ApiFaults::default();
    let (server, api) = start(&faults).await;
    let acted = || api.0.load(Ordering::SeqCst);
    assert_eq!(curl(&server, "/echo/a?cut", &["-d", "1"]).await, (EMPTY_REPLY, String::new()));
    assert_eq!(acted(), 1);
    for (kind, does) in [(FaultKind::CutBeforeActing, 0), (FaultKind::CutAfterActing, 1)] {
        faults.set(ApiName::Sapi, ApiFault { requests: Some(1), ..ApiFault::new(kind) });
        let before = acted();
        let (exit, _) = curl(&server, "/echo/a", &["-d", "1"]).await;
        assert_eq!((exit, acted() - before), (EMPTY_REPLY, does), "{kind:?}");
        let (exit, _) = curl(&server, "/echo/a", &["-d", "1"]).await;
        assert_eq!(exit, 0, "the fault was for one request");
    }
}

#[tokio::test]
async fn a_request_is_done_though_its_client_is_gone() {
    let (server, api) = start(&ApiFaults::default()).await;
    let (exit, _) = curl(&server, "/echo/a?slow", &["-d", "1", "--max-time", "0.1"]).await;
    assert_eq!((exit, api.0.load(Ordering::SeqCst)), (28, 0));
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
    while api.0.load(Ordering::SeqCst) == 0 {
        assert!(tokio::time::Instant::now() < deadline, "it was not done");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_hanging_request_ends_when_the_fault_is_taken_away() {
    let faults = ApiFaults::default();
    let (server, api) = start(&faults).await;
    faults.set(ApiName::Sapi, ApiFault::new(FaultKind::Hang));
    let (exit, _) = curl(&server, "/echo/a", &["-d", "1", "--max-time", "0.3"]).await;
    assert_eq!(exit, 28, "curl gave up");
    let hanging = curl(&server, "/echo/a", &["-d", "1"]);
    let heal = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        faults.clear(ApiName::Sapi);
    };
    let ((exit, _), ()) = tokio::join!(hanging, heal);
    assert_eq!(exit, EMPTY_REPLY);
    assert_eq!(api.0.load(Ordering::SeqCst), 0);
}

//! SAPI's recordings: 241 exchanges with five servers.

use std::sync::Arc;
use std::time::Duration;

use lab::triton::{ApiServer, FaultPoint, Master, Mode, Population, Sapi, SapiOptions};
use tempfile::TempDir;

use super::compare::Learned;
use super::exchange::{Exchange, recorded};
use super::stub::Stub;
use super::{ANY_PORT, judge, say_again};

/// Cases of the server that was restarted that go on with what the case before left.
const GOING_ON: [&str; 3] =
    ["217-config-get-null-value", "219-inst-get-lost", "221-inst-get-lost-2"];

struct Emulated {
    server: ApiServer,
    _sapi: Arc<Sapi>,
    _directory: TempDir,
}

async fn start(mode: Mode, master: Master, vmapi: &str) -> Emulated {
    let directory = tempfile::tempdir().unwrap();
    let mut options = SapiOptions::new(vmapi, vmapi);
    options.mode = mode;
    options.master = master;
    options.job_poll = Duration::from_millis(1);
    let sapi = Sapi::open(directory.path(), options, Population::default()).unwrap();
    let server = sapi.serve(ANY_PORT, FaultPoint::none()).await.unwrap();
    Emulated { server, _sapi: sapi, _directory: directory }
}

/// Makes what the recording made without recording it.
async fn prepare(emulated: &Emulated, objects: &[(&str, &str)]) {
    let client = reqwest::Client::new();
    for (path, body) in objects {
        let url = format!("http://{}{path}", emulated.server.address());
        let request = client.post(url).header("content-type", "application/json");
        let answer = request.body((*body).to_owned()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path} {body}");
    }
}

const APPLICATION: (&str, &str) = (
    "/applications",
    r#"{"uuid": "32f1b3e0-7a4d-4c0c-8f55-0f3f5a1c9a10", "name": "manta",
        "owner_uuid": "1d1a5b8e-3b3c-4f0a-9c1e-5d0c8b7a6f01", "metadata": {"a": 1}}"#,
);
const RESTARTED: [(&str, &str); 5] = [
    APPLICATION,
    (
        "/services",
        r#"{"uuid": "b4c9e3a2-5d60-4f38-9a55-7f1a2b3c4d01", "name": "postgres",
            "application_uuid": "32f1b3e0-7a4d-4c0c-8f55-0f3f5a1c9a10"}"#,
    ),
    (
        "/services",
        r#"{"uuid": "b4c9e3a2-5d60-4f38-9a55-7f1a2b3c4d04", "name": "agent", "type": "agent",
            "application_uuid": "32f1b3e0-7a4d-4c0c-8f55-0f3f5a1c9a10"}"#,
    ),
    (
        "/instances",
        r#"{"uuid": "e1b2c3d4-1111-4a2b-8c3d-000000000001", "service_uuid": "b4c9e3a2-5d60-4f38-9a55-7f1a2b3c4d01",
            "params": {"server_uuid": "44454c4c-0000-1000-8000-000000000001"}}"#,
    ),
    (
        "/instances",
        r#"{"uuid": "e1b2c3d4-1111-4a2b-8c3d-000000000003", "service_uuid": "b4c9e3a2-5d60-4f38-9a55-7f1a2b3c4d04"}"#,
    ),
];
const BEFORE_FULL: [(&str, &str); 1] = [(
    "/applications",
    r#"{"uuid": "32f1b3e0-7a4d-4c0c-8f55-0f3f5a1c9a10", "name": "manta",
        "owner_uuid": "1d1a5b8e-3b3c-4f0a-9c1e-5d0c8b7a6f01", "metadata": {}}"#,
)];

#[tokio::test]
async fn sapi_answers_as_recorded() {
    let stub = Stub::start().await;
    let vmapi = format!("http://{}", stub.address);
    let mut emulated: Option<Emulated> = None;
    // The Node client, whose exchanges are the last, spoke to the server of the first ones.
    let mut first = None;
    let mut server = String::new();
    let mut learned = Learned::of_sapi();
    let mut found = Vec::new();
    for exchange in recorded("sapi") {
        let restarted = exchange.server.contains("restarted before each case")
            && !GOING_ON.contains(&exchange.name.as_str());
        if restarted || exchange.server != server {
            let before = emulated.take();
            first = first.or(before);
            emulated = match first.take() {
                Some(first) if exchange.server.contains("client") => Some(first),
                kept => {
                    first = kept;
                    Some(begin(&exchange, &vmapi).await)
                }
            };
            server.clone_from(&exchange.server);
        }
        let emulated = emulated.as_ref().unwrap();
        if exchange.name.ends_with("-mode-set-full") {
            prepare(emulated, &BEFORE_FULL).await;
        }
        let difference = say_again(emulated.server.address(), &exchange, &mut learned).await;
        found.push((exchange.name, difference));
    }
    judge("sapi", found);
    assert_eq!(stub.left(), [], "VMAPI was not asked what the real SAPI asked");
}

/// The server that the next exchanges are with.
async fn begin(exchange: &Exchange, vmapi: &str) -> Emulated {
    let server = &exchange.server;
    if server.contains("full mode (in-memory") {
        return start(Mode::Full, Master::Here, vmapi).await;
    }
    if server.contains("master_host unset") {
        return start(Mode::Proto, Master::Unknown, vmapi).await;
    }
    let emulated = start(Mode::Proto, Master::Here, vmapi).await;
    if server.contains("restarted") {
        prepare(&emulated, &RESTARTED).await;
    }
    emulated
}

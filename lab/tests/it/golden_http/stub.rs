//! VMAPI and CNAPI as the real SAPI saw them: a log of what it asked and was answered, in order.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A line of the log.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    request: String,
    body: Option<Value>,
    status: u16,
    answer: String,
}

/// A server that expects the calls of the log.
pub(super) struct Stub {
    pub(super) address: SocketAddr,
    calls: Arc<Mutex<VecDeque<Call>>>,
    _tasks: JoinSet<()>,
}

/// The request that the recording itself sent to VMAPI, so that a zone was gone which SAPI still knew.
const NOT_OF_SAPI: &str = "DELETE /vms/e1b2c3d4-1111-4a2b-8c3d-000000000002";

fn logged() -> VecDeque<Call> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/golden-http/sapi-to-vmapi.log");
    let text = fs::read_to_string(path).unwrap();
    let calls = text.lines().map(|line| {
        let (asked, answered) = line.rsplit_once(" -> ").unwrap();
        let (method, rest) = asked.split_once(' ').unwrap();
        let (path, body) = rest.split_once(' ').unwrap();
        let (status, answer) = answered.split_once(' ').unwrap();
        Call {
            request: format!("{method} {path}"),
            body: serde_json::from_str(body.trim()).ok(),
            status: status.parse().unwrap(),
            answer: answer.to_owned(),
        }
    });
    calls
        .filter(|call| call.request != "GET /ping")
        .filter(|call| call.request != NOT_OF_SAPI || call.status == 404)
        .collect()
}

impl Stub {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind(super::ANY_PORT).await.unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(Mutex::new(logged()));
        let mut tasks = JoinSet::new();
        let expected = Arc::clone(&calls);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let expected = Arc::clone(&expected);
                connections.spawn(async move {
                    let service = service_fn(|request| answer(&expected, request));
                    let http = hyper::server::conn::http1::Builder::new();
                    drop(http.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Self { address, calls, _tasks: tasks }
    }

    /// Calls that SAPI did not make.
    pub(super) fn left(&self) -> Vec<Call> {
        self.calls.lock().unwrap().iter().cloned().collect()
    }
}

async fn answer(
    expected: &Mutex<VecDeque<Call>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let asked = format!("{} {}", request.method(), request.uri());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body: Option<Value> = serde_json::from_slice(&body).ok();
    let next = {
        let mut expected = expected.lock().unwrap();
        let same = |call: &Call| call.request == asked && call.body == body;
        if expected.front().is_some_and(same) { expected.pop_front() } else { None }
    };
    let (status, text) = match next {
        Some(call) => (call.status, call.answer),
        None => {
            println!("not what the real SAPI asked next: {asked} {body:?}");
            (500, "{}".to_owned())
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap();
    Ok(response)
}

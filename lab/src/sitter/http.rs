//! The peer's HTTP servers, in the way of the restify that production uses.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::sleep;

/// More than any request of these servers has.
const BODY: usize = 64 * 1024;

/// Answers a request: method, path, body.
pub(super) type Handler = Arc<dyn Fn(&Method, &str, &Value) -> Answer + Send + Sync>;

/// An answer.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn ok(body: impl Into<Value>) -> Self {
        Self { status: StatusCode::OK, body: body.into() }
    }

    pub(super) fn error(status: StatusCode, code: &str, message: &str) -> Self {
        Self { status, body: json!({"code": code, "message": message}) }
    }

    pub(super) fn not_found(path: &str) -> Self {
        Self::error(StatusCode::NOT_FOUND, "ResourceNotFound", &format!("{path} does not exist"))
    }
}

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, handler: Handler) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Too many files are open, say.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let handler = Arc::clone(&handler);
        let service = service_fn(move |request| answer(Arc::clone(&handler), request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
        });
    }
}

async fn answer(
    handler: Handler,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let answer = handler(&head.method, head.uri.path(), &body);
    let mut response = Response::new(Full::from(answer.body.to_string()));
    *response.status_mut() = answer.status;
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

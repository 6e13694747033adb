//! `GET /status`: what a router tells of itself.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use fash::Pnode;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpListener;

use super::routing::IndexShard;

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Status<'a> {
    pub(super) smf_fmri: String,
    pub(super) pid: u32,
    pub(super) start_time: String,
    pub(super) client_list: &'a [Pnode],
    pub(super) index_shards: &'a [IndexShard],
}

/// Serves the status, which does not change, for ever.
pub(super) async fn serve(listener: TcpListener, status: String) -> std::io::Error {
    let status: Arc<str> = status.into();
    loop {
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => return error,
        };
        let status = Arc::clone(&status);
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let response = answer(&request, &status);
                async move { Ok::<_, Infallible>(response) }
            });
            if let Err(error) =
                http1::Builder::new().serve_connection(TokioIo::new(socket), service).await
            {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "a client of the status server is gone"
                );
            }
        });
    }
}

fn answer(request: &Request<Incoming>, status: &str) -> Response<Full<Bytes>> {
    let (code, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/status") => (StatusCode::OK, status.to_owned()),
        (_, "/status") => (StatusCode::METHOD_NOT_ALLOWED, not(request, "MethodNotAllowed")),
        _ => (StatusCode::NOT_FOUND, not(request, "ResourceNotFound")),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = code;
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

fn not(request: &Request<Incoming>, code: &str) -> String {
    let (method, path) = (request.method(), request.uri().path());
    serde_json::json!({"code": code, "message": format!("{method} {path} is nothing here")})
        .to_string()
}

//! One document over HTTP: what a process tells of itself.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Serves `path` for ever, with what `tell` says at that moment.
pub(crate) async fn serve<T>(listener: TcpListener, path: &'static str, tell: T) -> std::io::Error
where
    T: Fn() -> String + Send + Sync + 'static,
{
    let tell = Arc::new(tell);
    loop {
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => return error,
        };
        let tell = Arc::clone(&tell);
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let response = answer(&request, path, &*tell);
                async move { Ok::<_, Infallible>(response) }
            });
            if let Err(error) =
                http1::Builder::new().serve_connection(TokioIo::new(socket), service).await
            {
                tracing::debug!(path, error = &error as &dyn std::error::Error, "a client is gone");
            }
        });
    }
}

fn answer(
    request: &Request<Incoming>,
    path: &str,
    tell: impl Fn() -> String,
) -> Response<Full<Bytes>> {
    let (code, body) = match *request.method() {
        _ if request.uri().path() != path => {
            (StatusCode::NOT_FOUND, not(request, "ResourceNotFound"))
        }
        Method::GET | Method::HEAD => (StatusCode::OK, tell()),
        _ => (StatusCode::METHOD_NOT_ALLOWED, not(request, "MethodNotAllowed")),
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

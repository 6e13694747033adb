//! The server: from bytes to routed requests, and from answers to bytes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, SERVER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

use super::accept::Form;
use super::answer::{Answer, Body};
use super::fault::{FaultKind, FaultPoint};
use super::request::{ApiRequest, Content, Query};
use super::{Api, Profile, decode, routes};

/// A server of one API. Dropping it closes it, with all its connections.
#[derive(Debug)]
pub struct ApiServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl ApiServer {
    /// Listens on an address and answers requests. Port 0 is one that the kernel chooses.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub(crate) async fn start(
        address: SocketAddr,
        api: Arc<impl Api>,
        faults: FaultPoint,
    ) -> io::Result<Self> {
        Self::on(TcpListener::bind(address).await?, api, faults)
    }

    /// Answers requests to a socket that listens already.
    ///
    /// # Errors
    /// The socket does not tell its address.
    pub(crate) fn on(
        listener: TcpListener,
        api: Arc<impl Api>,
        faults: FaultPoint,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        tracing::debug!(%address, server = api.profile().server, "listening");
        Ok(Self { address, task: tokio::spawn(accept(listener, api, faults)) })
    }

    /// The address at which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes it. When this returns the address is free again.
    pub async fn stop(mut self) {
        self.task.abort();
        // Cancelled, as it was just told to be.
        drop((&mut self.task).await);
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The part of a server that its connections need.
struct Shared<A> {
    api: Arc<A>,
    faults: FaultPoint,
    /// Its other side goes away with the server.
    running: watch::Receiver<()>,
}

impl<A> Clone for Shared<A> {
    fn clone(&self) -> Self {
        let (faults, running) = (self.faults.clone(), self.running.clone());
        Self { api: Arc::clone(&self.api), faults, running }
    }
}

impl<A: Api> Shared<A> {
    /// Has the API answer. It does so to the end even when the client goes away in the middle, as Triton's servers do;
    /// only the end of the server ends it. Unless the API gives such requests up.
    async fn handle(&self, route: A::Route, request: ApiRequest) -> Result<Answer, Cut> {
        let (api, mut running) = (Arc::clone(&self.api), self.running.clone());
        if api.gives_up(route) {
            return Ok(api.handle(route, request).await);
        }
        let handled = tokio::spawn(async move {
            tokio::select! {
                answer = api.handle(route, request) => Some(answer),
                _ = running.changed() => None,
            }
        });
        handled.await.ok().flatten().ok_or(Cut)
    }
}

async fn accept(listener: TcpListener, api: Arc<impl Api>, faults: FaultPoint) {
    let mut connections = JoinSet::new();
    let (_running, running) = watch::channel(());
    let shared = Shared { api, faults, running };
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, shared.clone()));
                }
                // A client that is gone already, or no file descriptor left: others will come.
                Err(error) => {
                    tracing::debug!(%error, "no connection");
                    tokio::task::yield_now().await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, shared: Shared<impl Api>) {
    let service = service_fn(|request| serve(&shared, request));
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = connection {
        tracing::trace!(%error, "connection ended");
    }
}

/// The connection ends without a response.
#[derive(Debug, Error)]
#[error("no response")]
struct Cut;

async fn serve<A: Api>(
    shared: &Shared<A>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let began = Instant::now();
    let profile = shared.api.profile();
    let close = closes(&request);
    let form = request.headers().get("accept").and_then(|value| value.to_str().ok());
    let form = Form::choose(form);
    let id = ["request-id", "x-request-id"]
        .iter()
        .find_map(|name| request.headers().get(*name)?.to_str().ok())
        .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
    let answer = match shared.faults.meet(request.method(), request.uri().path()) {
        None => answer(shared, request, &id, form).await?,
        Some(kind) => break_off(shared, kind, request, &id, form).await?,
    };
    let mut response = render(answer, form.unwrap_or(Form::Json), &profile, &id, began)?;
    let connection = if close { "close" } else { "keep-alive" };
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static(connection));
    Ok(response)
}

async fn break_off<A: Api>(
    shared: &Shared<A>,
    kind: FaultKind,
    request: Request<Incoming>,
    id: &str,
    form: Option<Form>,
) -> Result<Answer, Cut> {
    tracing::debug!(?kind, path = request.uri().path(), "a fault meets a request");
    match kind {
        FaultKind::Error500 => Ok(Answer::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            "the lab was told to fail",
        )),
        FaultKind::Unavailable503 => Ok(Answer::error(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailableError",
            "the lab was told to be unavailable",
        )),
        FaultKind::Hang => {
            shared.faults.changed().await;
            Err(Cut)
        }
        FaultKind::CutBeforeActing => Err(Cut),
        FaultKind::CutAfterActing => {
            drop(answer(shared, request, id, form).await?);
            Err(Cut)
        }
    }
}

/// Does what restify does in order: routes, versions, forms, then the body.
async fn answer<A: Api>(
    shared: &Shared<A>,
    request: Request<Incoming>,
    id: &str,
    form: Option<Form>,
) -> Result<Answer, Cut> {
    let profile = shared.api.profile();
    let (parts, body) = request.into_parts();
    let path: Vec<String> = parts.uri.path().split('/').skip(1).map(decode::percent).collect();
    let (entry, parameters) =
        match routes::find(profile.routes, &parts.method, &path, parts.uri.path()) {
            Ok(found) => found,
            Err(answer) => return Ok(answer.bare()),
        };
    let mut version = 0;
    if let Some(versions) = profile.versions {
        let range = parts.headers.get("accept-version").and_then(|value| value.to_str().ok());
        match versions.choose(range) {
            Some([major, ..]) => version = major,
            None => {
                let range = range.unwrap_or_default();
                let message =
                    format!("{range} is not supported by {} {}", parts.method, parts.uri.path());
                let answer = Answer::error(StatusCode::BAD_REQUEST, "InvalidVersion", message);
                return Ok(answer.bare());
            }
        }
    }
    if form.is_none() {
        return Ok(Answer::empty(StatusCode::NOT_ACCEPTABLE));
    }
    let body = match Limited::new(body, profile.body_limit).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("Request body size exceeds {}", profile.body_limit);
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            return Ok(Answer::error(status, "RequestEntityTooLargeError", message));
        }
        Err(_) => return Err(Cut),
    };
    let content = match (entry.raw, body.is_empty()) {
        (true, true) => Content::None,
        (true, false) => Content::Other(body),
        (false, _) => match Content::parse(&parts.headers, body) {
            Ok(content) => content,
            Err(answer) => return Ok(answer),
        },
    };
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let request = ApiRequest {
        method: parts.method,
        target,
        parameters,
        query: Query::parse(parts.uri.query().unwrap_or_default()),
        headers: parts.headers,
        content,
        version,
        id: id.to_owned(),
    };
    tracing::debug!(id, method = %request.method, target = request.target, "request");
    shared.handle(entry.route, request).await
}

fn render<R>(
    answer: Answer,
    form: Form,
    profile: &Profile<R>,
    id: &str,
    began: Instant,
) -> Result<Response<Full<Bytes>>, Cut> {
    let Answer { status, headers, body, bare } = answer;
    let mut headers: HeaderMap = headers.into_iter().collect();
    let body = match body {
        Body::Cut => return Err(Cut),
        Body::Empty => Bytes::new(),
        Body::Bytes(bytes) => bytes,
        Body::Json(value) => {
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(form.content_type()));
            let text = match form {
                Form::Json if profile.indented => serde_json::to_vec_pretty(&value),
                Form::Json | Form::Text => serde_json::to_vec(&value),
                // What JavaScript makes of an object that is to be a string.
                Form::Bytes => Ok(b"[object Object]".to_vec()),
            };
            Bytes::from(text.map_err(|_| Cut)?)
        }
    };
    if !bare {
        headers.insert(SERVER, HeaderValue::from_static(profile.server));
        let id = HeaderValue::from_str(id).map_err(|_| Cut)?;
        headers.insert("x-request-id", id);
        headers.insert("x-server-name", HeaderValue::from_static("lab"));
        if profile.response_time {
            let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            headers.insert("x-response-time", HeaderValue::from(milliseconds));
        }
    }
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Tells whether the client wants the connection closed after the answer.
fn closes(request: &Request<Incoming>) -> bool {
    let connection = request.headers().get(CONNECTION).and_then(|value| value.to_str().ok());
    connection.is_some_and(|value| value.eq_ignore_ascii_case("close"))
}

//! A client of the control API, and of the emulated Triton APIs, as the tools need them.

use std::time::Duration;

use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::session::Failure;
use crate::layout::Layout;
use crate::messages::{
    ControlError, ExecRequest, ExecResponse, ServiceStatus, SmfRequest, ZoneStatus,
};

/// The time for which an answer is waited for: a little longer than commands may run.
const PATIENCE: Duration = ExecRequest::UR_TIME_LIMIT.saturating_add(Duration::from_mins(1));

/// An answer over HTTP.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The status code.
    pub(super) status: u16,
    /// `Content-MD5`.
    pub(super) md5: Option<String>,
    /// The body.
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Tells whether the status is a 2xx.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON, when the status is a 2xx; or else what the server says of it.
    pub(super) fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T, Failure> {
        if !self.is_success() {
            return Err(Failure::new(format!("{what}: {}", self.complaint())));
        }
        serde_json::from_slice(&self.body).map_err(|error| Failure::because(what, &error))
    }

    /// The server's complaint about the request: `InvalidArgument: …`, or the status alone.
    pub(super) fn complaint(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let text = |key: &str| body.get(key).and_then(Value::as_str);
        match (text("code"), text("message")) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (None, Some(message)) => message.to_owned(),
            (Some(code), None) => code.to_owned(),
            (None, None) => format!("HTTP status {}", self.status),
        }
    }
}

/// The body that is sent.
pub(super) enum Body {
    /// Nothing.
    Empty,
    /// JSON.
    Json(Value),
    /// Bytes of a file.
    Bytes(Vec<u8>),
}

/// A server, by the beginning of its URLs.
#[derive(Clone, Debug)]
pub(super) struct Api {
    base: String,
    http: reqwest::Client,
}

impl Api {
    /// The server whose URLs begin so.
    pub(super) fn new(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), http: reqwest::Client::new() }
    }

    /// One of Triton's services, by its address.
    pub(super) fn at(address: std::net::SocketAddr) -> Self {
        Self::new(&format!("http://{address}"))
    }

    /// Its URL.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Sends a request.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<Answer, Failure> {
        let what = format!("{method} {}{path}", self.base);
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = request.timeout(PATIENCE);
        let request = request.header("accept-version", "*").header("accept", "application/json");
        let request = match body {
            Body::Empty => request,
            Body::Json(value) => {
                request.header("content-type", "application/json").body(value.to_string())
            }
            Body::Bytes(bytes) => {
                request.header("content-type", "application/octet-stream").body(bytes)
            }
        };
        let failed = |error: reqwest::Error| Failure::because(&what, &error);
        let response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let md5 = response.headers().get("content-md5").and_then(|value| value.to_str().ok());
        let md5 = md5.map(ToOwned::to_owned);
        let body = response.bytes().await.map_err(failed)?.to_vec();
        Ok(Answer { status, md5, body })
    }

    /// Gets JSON.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.send(Method::GET, path, Body::Empty).await?.json(&format!("GET {path}"))
    }

    /// Sends JSON, gets JSON.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Value,
    ) -> Result<T, Failure> {
        let what = format!("{method} {path}");
        self.send(method, path, Body::Json(body)).await?.json(&what)
    }
}

/// A running lab.
pub(super) struct Control(Api);

impl Control {
    /// The lab whose control API has this URL.
    pub(super) fn new(base: &str) -> Self {
        Self(Api::new(base))
    }

    /// The layout that the lab was made as.
    pub(super) async fn layout(&self) -> Result<Layout, Failure> {
        self.0.get("/lab").await
    }

    /// All zones.
    pub(super) async fn zones(&self) -> Result<Vec<ZoneStatus>, Failure> {
        self.0.get("/zones").await
    }

    /// A zone.
    pub(super) async fn zone(&self, zone: Uuid) -> Result<ZoneStatus, Failure> {
        self.0.get(&format!("/zones/{zone}")).await
    }

    /// Acts on a service of a zone. `Err` inside: what the lab has against it.
    pub(super) async fn smf(
        &self,
        zone: Uuid,
        request: &SmfRequest,
    ) -> Result<Result<Vec<ServiceStatus>, String>, Failure> {
        let path = format!("/zones/{zone}/smf");
        let answer = self.0.send(Method::POST, &path, body(request)?).await?;
        if answer.is_success() {
            return answer.json(&path).map(Ok);
        }
        let refusal = serde_json::from_slice::<ControlError>(&answer.body);
        Ok(Err(refusal.map_or_else(|_| answer.complaint(), |refusal| refusal.message)))
    }

    /// Runs something in a zone.
    pub(super) async fn exec(
        &self,
        zone: Uuid,
        request: &ExecRequest,
    ) -> Result<ExecResponse, Failure> {
        let path = format!("/zones/{zone}/exec");
        self.0.send(Method::POST, &path, body(request)?).await?.json(&path)
    }

    /// Runs something in a compute node's global zone.
    pub(super) async fn exec_global(
        &self,
        server: Uuid,
        request: &ExecRequest,
    ) -> Result<ExecResponse, Failure> {
        let path = format!("/servers/{server}/exec");
        self.0.send(Method::POST, &path, body(request)?).await?.json(&path)
    }
}

fn body(request: &impl Serialize) -> Result<Body, Failure> {
    let cannot = |error| Failure::because("cannot write the request", &error);
    serde_json::to_value(request).map(Body::Json).map_err(cannot)
}

//! A client of the control API.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use uuid::Uuid;

use super::{
    ControlError, ExecRequest, ExecResponse, ServiceStatus, SmfRequest, ZoneProcess, ZoneStatus,
};
use crate::fault::{ActiveFault, Fault};
use crate::layout::Layout;

/// The longest that a lab may take to answer: services that are restarted and ZooKeeper that comes back take their time.
const PATIENCE: Duration = Duration::from_mins(5);
/// The time beyond a command's own that its answer may take.
const GRACE: Duration = Duration::from_secs(30);

/// Asks a running lab, and tells it what to do.
#[derive(Clone, Debug)]
pub struct ControlClient {
    base: String,
    client: Client,
}

/// A request to the control API failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ControlClientError {
    /// There is no answer.
    #[error("there is no lab at {url}, or it does not answer")]
    NoAnswer {
        /// The URL that was asked.
        url: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// The lab refuses.
    #[error("{message}")]
    Refused {
        /// The status of the answer.
        status: u16,
        /// The lab's words.
        message: String,
    },
    /// The answer is not understood.
    #[error("{url} does not answer as a lab does")]
    Malformed {
        /// The URL that was asked.
        url: String,
        /// The problem.
        #[source]
        source: serde_json::Error,
    },
}

impl ControlClient {
    /// A client of the lab whose control API is at a URL: `http://127.77.0.1:7700`.
    pub fn new(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), client: Client::new() }
    }

    /// The layout that the lab was made with.
    ///
    /// # Errors
    /// The lab does not answer.
    pub async fn layout(&self) -> Result<Layout, ControlClientError> {
        self.get("/lab").await
    }

    /// All zones.
    ///
    /// # Errors
    /// The lab does not answer.
    pub async fn zones(&self) -> Result<Vec<ZoneStatus>, ControlClientError> {
        self.get("/zones").await
    }

    /// A zone.
    ///
    /// # Errors
    /// There is no such zone.
    pub async fn zone(&self, zone: Uuid) -> Result<ZoneStatus, ControlClientError> {
        self.get(&format!("/zones/{zone}")).await
    }

    /// The processes of a zone, in the order of their numbers.
    ///
    /// # Errors
    /// There is no such zone.
    pub async fn processes(&self, zone: Uuid) -> Result<Vec<ZoneProcess>, ControlClientError> {
        self.get(&format!("/zones/{zone}/processes")).await
    }

    /// `svcadm` in a zone.
    ///
    /// # Errors
    /// There is no such zone or service, or the zone does not run.
    pub async fn smf(
        &self,
        zone: Uuid,
        request: &SmfRequest,
    ) -> Result<Vec<ServiceStatus>, ControlClientError> {
        self.post(&format!("/zones/{zone}/smf"), request).await
    }

    /// Runs a command in a zone. When this is dropped, the command is killed.
    ///
    /// # Errors
    /// There is no such zone, or it does not run.
    pub async fn exec(
        &self,
        zone: Uuid,
        request: &ExecRequest,
    ) -> Result<ExecResponse, ControlClientError> {
        self.run(&format!("/zones/{zone}/exec"), request).await
    }

    /// Runs a command in the global zone of a server. When this is dropped, the command is killed.
    ///
    /// # Errors
    /// There is no such server.
    pub async fn exec_global(
        &self,
        server: Uuid,
        request: &ExecRequest,
    ) -> Result<ExecResponse, ControlClientError> {
        self.run(&format!("/servers/{server}/exec"), request).await
    }

    /// The faults that are active.
    ///
    /// # Errors
    /// The lab does not answer.
    pub async fn faults(&self) -> Result<Vec<ActiveFault>, ControlClientError> {
        self.get("/faults").await
    }

    /// Breaks something.
    ///
    /// # Errors
    /// The lab does not know how.
    pub async fn cause(&self, fault: &Fault) -> Result<ActiveFault, ControlClientError> {
        self.post("/faults", fault).await
    }

    /// Mends one fault, or all. Returns what was mended.
    ///
    /// # Errors
    /// The lab does not answer, or something cannot be mended.
    pub async fn heal(&self, fault: Option<u64>) -> Result<Vec<ActiveFault>, ControlClientError> {
        let path = fault.map_or_else(|| "/faults".to_owned(), |id| format!("/faults/{id}"));
        let body = self.send(Method::DELETE, &path, None, PATIENCE).await?;
        self.parse(&path, &body)
    }

    /// Tells the lab to stop.
    ///
    /// # Errors
    /// The lab does not answer.
    pub async fn stop(&self) -> Result<(), ControlClientError> {
        self.send(Method::POST, "/stop", None, PATIENCE).await.map(drop)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ControlClientError> {
        let body = self.send(Method::GET, path, None, PATIENCE).await?;
        self.parse(path, &body)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ControlClientError> {
        self.post_within(path, body, PATIENCE).await
    }

    /// The lab ends a command when its time is over. This waits a little longer.
    async fn run(
        &self,
        path: &str,
        request: &ExecRequest,
    ) -> Result<ExecResponse, ControlClientError> {
        self.post_within(path, request, request.time_limit().saturating_add(GRACE)).await
    }

    async fn post_within<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        patience: Duration,
    ) -> Result<T, ControlClientError> {
        let malformed = |source| ControlClientError::Malformed { url: self.url(path), source };
        let body = serde_json::to_vec(body).map_err(malformed)?;
        let answer = self.send(Method::POST, path, Some(body), patience).await?;
        self.parse(path, &answer)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn parse<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, ControlClientError> {
        serde_json::from_slice(body)
            .map_err(|source| ControlClientError::Malformed { url: self.url(path), source })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        patience: Duration,
    ) -> Result<Vec<u8>, ControlClientError> {
        let no_answer = |source| ControlClientError::NoAnswer { url: self.url(path), source };
        let mut request = self.client.request(method, self.url(path)).timeout(patience);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let response = request.send().await.map_err(no_answer)?;
        let status = response.status();
        let body = response.bytes().await.map_err(no_answer)?.to_vec();
        if status.is_success() {
            return Ok(body);
        }
        Err(refused(status, &body))
    }
}

fn refused(status: StatusCode, body: &[u8]) -> ControlClientError {
    let message = match serde_json::from_slice::<ControlError>(body) {
        Ok(error) => error.message,
        Err(_) => format!("the lab answers {status}"),
    };
    ControlClientError::Refused { status: status.as_u16(), message }
}

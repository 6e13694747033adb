//! The questions of a zone to SAPI.

use std::net::Ipv4Addr;
use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;
use uuid::Uuid;

/// The time that SAPI has for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// SAPI, asked from a zone's address.
#[derive(Clone, Debug)]
pub(crate) struct Sapi {
    client: Client,
    base: String,
}

/// A request failed.
#[derive(Debug, Error)]
pub(crate) enum SapiError {
    /// There was no answer, or not all of it.
    #[error("there is no answer from SAPI or IMGAPI")]
    Http(#[from] reqwest::Error),
    /// The answer is an error.
    #[error("{url} answers {status}: {body}")]
    Status {
        /// The URL that was asked for.
        url: String,
        /// The status.
        status: StatusCode,
        /// The beginning of the body.
        body: String,
    },
    /// The answer is not what it should be.
    #[error("{url} does not answer as it should")]
    Malformed {
        /// The URL that was asked for.
        url: String,
        /// The problem.
        #[source]
        source: serde_json::Error,
    },
    /// There is not exactly one application of the name.
    #[error("there are {count} applications of the name {name}, not one")]
    NotOne {
        /// The name.
        name: String,
        /// The number of them.
        count: usize,
    },
}

/// The manifests and values from which a zone's files are rendered.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Configuration {
    /// The files.
    #[serde(default)]
    pub(crate) manifests: Vec<ConfigurationManifest>,
    /// The values.
    #[serde(default)]
    pub(crate) metadata: Map<String, Value>,
}

/// A file of a zone.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ConfigurationManifest {
    /// Its name.
    pub(crate) name: String,
    /// The file, in the zone.
    pub(crate) path: String,
    /// Text, or an object that stands for its JSON.
    pub(crate) template: Value,
    /// A command to be run when the file has changed.
    pub(crate) post_cmd: Option<String>,
}

#[derive(Deserialize)]
struct Application {
    #[serde(default)]
    metadata: Map<String, Value>,
}

impl Sapi {
    /// SAPI at a URL, asked from an address of this machine.
    ///
    /// # Errors
    /// No client can be made.
    pub(crate) fn new(base: &str, from: Ipv4Addr) -> Result<Self, SapiError> {
        let client = Client::builder().local_address(std::net::IpAddr::V4(from)).timeout(TIMEOUT);
        Ok(Self { client: client.build()?, base: base.trim_end_matches('/').to_owned() })
    }

    /// The configuration from which the zone's files are rendered, with its entity tag. `None` when it is what
    /// the given one stands for.
    pub(super) async fn configuration(
        &self,
        zone: Uuid,
        known: Option<&str>,
    ) -> Result<Option<(Configuration, Option<String>)>, SapiError> {
        let url = format!("{}/configs/{zone}", self.base);
        let mut request = self.client.get(&url).header("accept-version", "~2");
        if let Some(etag) = known {
            request = request.header("if-none-match", etag);
        }
        let response = request.send().await?;
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let response = successful(response, &url).await?;
        let etag = response.headers().get("etag").and_then(|etag| etag.to_str().ok());
        let etag = etag.map(ToOwned::to_owned);
        let configuration = serde_json::from_slice(&response.bytes().await?)
            .map_err(|source| SapiError::Malformed { url, source })?;
        Ok(Some((configuration, etag)))
    }

    /// The metadata of the one application of a name.
    pub(crate) async fn application_metadata(
        &self,
        name: &str,
    ) -> Result<Map<String, Value>, SapiError> {
        let url = format!("{}/applications?name={name}&include_master=true", self.base);
        let answer = self.get(&url).await?.bytes().await?;
        let applications: Vec<Application> = serde_json::from_slice(&answer)
            .map_err(|source| SapiError::Malformed { url, source })?;
        let count = applications.len();
        match <[Application; 1]>::try_from(applications) {
            Ok([application]) => Ok(application.metadata),
            Err(_) => Err(SapiError::NotOne { name: name.to_owned(), count }),
        }
    }

    /// Any URL, answered with success.
    pub(crate) async fn get(&self, url: &str) -> Result<Response, SapiError> {
        successful(self.client.get(url).send().await?, url).await
    }
}

async fn successful(response: Response, url: &str) -> Result<Response, SapiError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.bytes().await?;
    let body = String::from_utf8_lossy(&body).chars().take(200).collect();
    Err(SapiError::Status { url: url.to_owned(), status, body })
}

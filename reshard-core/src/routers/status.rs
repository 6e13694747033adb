//! `GET /status` of an electric-moray process: what it tells of itself.

use std::time::Duration;

use bytes::BytesMut;
use sapi_client::{AnswerBody, Method, Outgoing, OutgoingBody, Transport, TransportError};
use serde::Deserialize;

use super::{Router, RouterError};
use crate::deployment::Deployment;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer that is read. A real one has a line for each shard.
const MAX_BYTES: usize = 1 << 20;

/// What an electric-moray process tells of itself. It does not tell its ring.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RouterStatus {
    /// Its SMF instance; absent outside of SMF.
    pub smf_fmri: Option<String>,
    /// Its process.
    pub pid: u64,
    /// When it began, by the zone's clock.
    pub start_time: String,
    /// The pnodes that it has connections to.
    pub client_list: Vec<String>,
    /// The shards that it was configured with. To all others it writes nothing.
    pub index_shards: Vec<StatusShard>,
}

/// A shard in a process's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StatusShard {
    /// Its name.
    pub host: String,
    /// Whether writes to all of it are refused.
    #[serde(default, rename = "readOnly")]
    pub read_only: bool,
}

/// Asks a process for its status.
///
/// # Errors
///
/// [`RouterError::Unreachable`], [`RouterError::Status`].
pub async fn get_status(
    deployment: &Deployment,
    router: &Router,
    port: u16,
) -> Result<RouterStatus, RouterError> {
    let url = format!("http://{}:{port}/status", router.ip);
    let unreachable = |source| RouterError::Unreachable { url: url.clone(), source };
    let odd = |problem: String| RouterError::Status { url: url.clone(), problem };
    let request = Outgoing {
        method: Method::Get,
        url: url.clone(),
        headers: vec![("accept", "application/json".to_owned())],
        body: OutgoingBody::Empty,
    };
    let asked = async {
        let mut incoming = deployment.http().send(request).await.map_err(unreachable)?;
        let mut body = BytesMut::new();
        while let Some(chunk) = incoming.body.chunk().await.map_err(unreachable)? {
            if body.len().saturating_add(chunk.len()) > MAX_BYTES {
                return Err(odd(format!("answers with more than {MAX_BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        if incoming.status != 200 {
            return Err(odd(format!("answers {}", incoming.status)));
        }
        serde_json::from_slice(&body)
            .map_err(|error| odd(format!("answers what is no status: {error}")))
    };
    let slow = |_| {
        let problem = format!("no answer within {} s", TIMEOUT.as_secs());
        unreachable(TransportError::Broken(problem.into()))
    };
    tokio::time::timeout(TIMEOUT, asked).await.map_err(slow)?
}

//! `GET /status` of an electric-moray process: what it tells of itself.

use serde::Deserialize;

use super::{Router, RouterError};
use crate::deployment::{Deployment, get_json};

/// The largest answer that is read. A real one has a line for each shard.
const MAX_BYTES: usize = 1 << 20;

/// The status that an electric-moray process tells of itself. It does not tell its ring.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RouterStatus {
    /// Its SMF instance; absent outside of SMF.
    pub smf_fmri: Option<String>,
    /// Its process.
    pub pid: u64,
    /// The time at which it began, by the zone's clock.
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
    /// True if writes to all of it are refused.
    #[serde(default, rename = "readOnly")]
    pub read_only: bool,
}

/// Asks a process for its status.
///
/// # Errors
///
/// [`RouterError::Status`]
pub async fn get_status(
    deployment: &Deployment,
    router: &Router,
    port: u16,
) -> Result<RouterStatus, RouterError> {
    let url = format!("http://{}:{port}/status", router.ip);
    Ok(get_json(deployment, &url, MAX_BYTES).await?)
}

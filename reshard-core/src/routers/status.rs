//! Asking an electric-moray process for its status.

use super::{Router, RouterError};
use crate::deployment::{Deployment, get_json};
use crate::inventory::RouterStatus;

/// The largest answer that is read. A real one has a line for each shard.
const MAX_BYTES: usize = 1 << 20;

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

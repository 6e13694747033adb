//! Asking an electric-moray process for its status.

use super::{Router, RouterError};
use crate::deployment::Deployment;
use crate::region::RouterStatus;

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
    Ok(deployment.routers().status(&router.ip, port).await?)
}

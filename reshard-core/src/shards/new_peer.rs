//! The metadata of new peers.

use manatee_client::ShardName;
use sapi_client::{Attributes, ServiceUuid};

use super::membership;
use crate::deployment::Deployment;
use crate::zones::{TemplateError, shard_metadata};

/// The metadata of a new peer of a shard: that of its other peers. It holds secrets.
///
/// # Errors
///
/// [`TemplateError`]
pub async fn peer_metadata(
    deployment: &Deployment,
    postgres: ServiceUuid,
    shard: &ShardName,
    datacenter: &str,
) -> Result<Attributes, TemplateError> {
    let metadata = shard_metadata(deployment, postgres, shard, datacenter).await?;
    Ok(membership(shard).into_iter().fold(metadata, |all, (key, value)| all.with(key, value)))
}

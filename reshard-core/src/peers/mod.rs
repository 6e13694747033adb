//! New peers of a shard: their metadata, their place in the chain, and how far their restore and replication are.

mod chain;
mod progress;
mod restore;
mod status;

pub use self::chain::{ChainError, tail_of};
pub use self::progress::{PeerProgress, Standing, follow};
pub use self::restore::{Restore, RestoreError, restore_of};
pub use self::status::{ChainStatus, PeerPlace, PeerStatus, RestoreStatus, chain_status};

use manatee_client::ShardName;
use sapi_client::{Attributes, ServiceUuid};

use crate::deployment::Deployment;
use crate::shards::membership;
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

//! The names of all shards.

use std::collections::BTreeSet;
use std::time::Duration;

use manatee_client::{Shard, ShardName};

use crate::causes::Chain;
use crate::deployment::Deployment;
use crate::inventory::InventoryError;

/// The shards that somebody knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownShards {
    /// Their names, by number.
    pub names: Vec<ShardName>,
    /// The reasons why there may be more: SAPI or ZooKeeper does not answer.
    pub unknown: Vec<String>,
}

/// The shards that SAPI lists for the index, and those that have a place in ZooKeeper, as the storage shard and new ones. Neither
/// is waited for longer than `patience`.
pub async fn known_shards(deployment: &Deployment, patience: Duration) -> KnownShards {
    let (listed, kept) = tokio::join!(
        within("SAPI", patience, listed(deployment)),
        within("ZooKeeper", patience, async { Ok(Shard::list(deployment.session()).await?) }),
    );
    let mut known = KnownShards::default();
    let mut names = BTreeSet::new();
    for some in [listed, kept] {
        match some {
            Ok(some) => names.extend(some),
            Err(why) => known.unknown.push(why),
        }
    }
    known.names = names.into_iter().collect();
    known.names.sort_by_key(by_number);
    known
}

/// The order in which shards are shown.
pub(super) fn by_number(shard: &ShardName) -> (u64, String) {
    let number = shard.as_str().split('.').next().and_then(|number| number.parse().ok());
    (number.unwrap_or(u64::MAX), shard.to_string())
}

async fn listed(deployment: &Deployment) -> Result<Vec<ShardName>, InventoryError> {
    let manta = deployment.sapi()?.find_manta().await?;
    Ok(manta.index_shards()?.iter().filter_map(|shard| shard.host().parse().ok()).collect())
}

async fn within<T>(
    what: &str,
    patience: Duration,
    asking: impl Future<Output = Result<T, InventoryError>>,
) -> Result<T, String> {
    match tokio::time::timeout(patience, asking).await {
        Ok(answer) => answer.map_err(|error| Chain(&error).to_string()),
        Err(_) => Err(format!("{what} did not answer within {} s", patience.as_secs_f32())),
    }
}

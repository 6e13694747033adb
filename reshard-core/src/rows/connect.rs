//! Connections to the databases of shards.

use std::time::Duration;

use manatee_client::{PgEndpoint, Role, ShardName, downstream_named};

use super::RowsError;
use crate::deployment::{Database, Deployment};

/// Connects to the primary of a shard, as the shard's state names it.
///
/// # Errors
///
/// [`RowsError`]; [`RowsError::NotPrimary`] if the server takes no writes.
pub async fn connect_primary(
    deployment: &Deployment,
    shard: &ShardName,
    statement_timeout: Duration,
) -> Result<Database, RowsError> {
    let endpoint = endpoint(deployment, shard, |role| role == Role::Primary).await?;
    let database = deployment.databases().connect(&endpoint, statement_timeout).await?;
    if database.value("look for the primary", "SELECT pg_is_in_recovery()", &[]).await? {
        return Err(RowsError::NotPrimary { shard: shard.clone() });
    }
    Ok(database)
}

/// Connects to the peer of a shard that is hurt least by reading: the last of the chain, which is an async unless there is none.
///
/// # Errors
///
/// [`RowsError`]; [`RowsError::Database`] if the peer is known but cannot be connected to.
pub async fn connect_last(
    deployment: &Deployment,
    shard: &ShardName,
    statement_timeout: Duration,
) -> Result<Database, RowsError> {
    let endpoint = endpoint(deployment, shard, |role| role != Role::Deposed).await?;
    Ok(deployment.databases().connect(&endpoint, statement_timeout).await?)
}

/// The last peer of the chain with such a role.
async fn endpoint(
    deployment: &Deployment,
    shard: &ShardName,
    wanted: impl Fn(Role) -> bool,
) -> Result<PgEndpoint, RowsError> {
    let stored = deployment.shard(shard.clone()).read_existing().await;
    let state = stored.map_err(|source| RowsError::Shard { shard: shard.clone(), source })?.state;
    let peer = state.peers().filter(|(role, _)| wanted(*role)).last();
    let peer = peer.map_or(&state.primary, |(_, peer)| peer);
    peer.endpoint().map_err(|source| RowsError::PgUrl { shard: shard.clone(), source })
}

/// The number of bytes of its primary's log that a shard's sync has not replayed; `None` for a shard without a sync.
///
/// # Errors
///
/// [`RowsError`]
pub async fn sync_lag(
    deployment: &Deployment,
    shard: &ShardName,
) -> Result<Option<u64>, RowsError> {
    let stored = deployment.shard(shard.clone()).read_existing().await;
    let state = stored.map_err(|source| RowsError::Shard { shard: shard.clone(), source })?.state;
    let Some(sync) = &state.sync else { return Ok(None) };
    let endpoint = state.primary.endpoint();
    let endpoint = endpoint.map_err(|source| RowsError::PgUrl { shard: shard.clone(), source })?;
    let databases = deployment.databases();
    let failed = |source| RowsError::Lag { shard: shard.clone(), source };
    let downstreams = databases.downstreams(&endpoint).await.map_err(failed)?;
    let now = databases.current_position(&endpoint).await.map_err(failed)?;
    let replayed = downstream_named(&downstreams, &sync.pg_url).and_then(|row| row.replay);
    // A sync that is away has replayed nothing that we could count on.
    Ok(Some(replayed.map_or(u64::MAX, |replayed| now.bytes_after(replayed))))
}

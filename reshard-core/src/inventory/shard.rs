//! The shard that is to be split.

use std::time::Duration;

use manatee_client::{ClusterState, Peer, ShardName};
use sapi_client::manta::{self, MantaApplication, find_peers};

use super::{InventoryError, PeerFacts, ShardFacts, ZoneFacts};
use crate::clock::Clock;
use crate::deployment::Deployment;
use crate::rows::{Tables, list_tables};

/// The time for which the growth of the write-ahead log is watched.
const WAL_WATCH: Duration = Duration::from_secs(2);
/// The longest that the database may take to tell its size.
const STATEMENT: Duration = Duration::from_mins(1);

/// The state of a shard, as ZooKeeper has it.
pub(crate) async fn shard_state(
    deployment: &Deployment,
    shard: &ShardName,
) -> Result<ClusterState, InventoryError> {
    let failed = |source| InventoryError::Shard { shard: shard.clone(), source: Box::new(source) };
    Ok(deployment.shard(shard.clone()).read_existing().await.map_err(failed)?.state)
}

/// The zones of a service, such as `postgres`, that have this `SERVICE_NAME`, as SAPI and VMAPI know them.
pub(crate) async fn zones_of(
    deployment: &Deployment,
    manta: &MantaApplication,
    service: &str,
    name: &str,
) -> Result<Vec<manta::Peer>, InventoryError> {
    let vmapi = |name: &str| deployment.datacenter(name).ok().map(|datacenter| &datacenter.vmapi);
    Ok(find_peers(deployment.sapi()?, vmapi, manta.uuid(), service, name).await?)
}

/// By how many bytes the write-ahead log of a shard grows in a second.
pub(super) async fn wal_growth(
    deployment: &Deployment,
    name: &ShardName,
    clock: &dyn Clock,
) -> Result<u64, InventoryError> {
    let state = shard_state(deployment, name).await?;
    let (databases, primary) = (deployment.databases(), endpoint(&state.primary)?);
    let silent = |source| InventoryError::Postgres { zone: state.primary.zone_id.clone(), source };
    let (from, at) =
        (databases.current_position(&primary).await.map_err(silent)?, clock.monotonic());
    clock.sleep(WAL_WATCH).await;
    let to = databases.current_position(&primary).await.map_err(silent)?;
    let watched = clock.since(at).as_millis().max(1);
    let growth = u128::from(to.bytes_after(from)) * 1000 / watched;
    Ok(u64::try_from(growth).unwrap_or(u64::MAX))
}

/// Reads everything about a shard but its growth. `postgres` and `moray` are the zones that SAPI has for it.
pub(super) async fn gather(
    deployment: &Deployment,
    name: &ShardName,
    postgres: &[manta::Peer],
    moray: &[manta::Peer],
) -> Result<ShardFacts, InventoryError> {
    let state = shard_state(deployment, name).await?;
    let generation = state.generation.count().ok_or_else(|| InventoryError::Generation {
        shard: name.clone(),
        generation: state.generation.to_string(),
    })?;
    let (databases, primary) = (deployment.databases(), endpoint(&state.primary)?);
    let silent = |source| InventoryError::Postgres { zone: state.primary.zone_id.clone(), source };
    let version = databases.version(&primary).await.map_err(silent)?;
    let overrides = metadata_of(postgres, &state.primary, "PG_CONFIG_OVERRIDES");
    let (database_bytes, tables) = database_facts(deployment, name, &state).await?;
    Ok(ShardFacts {
        generation,
        peers: peers(name, &state, postgres)?,
        morays: moray.iter().map(zone_facts).collect::<Result<_, _>>()?,
        postgres: version.to_string(),
        database_bytes,
        wal_bytes_per_second: 0,
        pg_config_overrides: overrides,
        tables,
    })
}

fn endpoint(peer: &Peer) -> Result<manatee_client::PgEndpoint, InventoryError> {
    let unusable = |source| InventoryError::PgUrl { zone: peer.zone_id.clone(), source };
    peer.endpoint().map_err(unusable)
}

fn zone_of<'a>(zones: &'a [manta::Peer], peer: &Peer) -> Option<&'a manta::Peer> {
    zones.iter().find(|zone| zone.vm.uuid.to_string() == peer.zone_id.as_str())
}

fn metadata_of(zones: &[manta::Peer], peer: &Peer, key: &str) -> Option<serde_json::Value> {
    zone_of(zones, peer)?.instance.metadata.as_ref()?.get(key).cloned()
}

fn peers(
    name: &ShardName,
    state: &ClusterState,
    zones: &[manta::Peer],
) -> Result<Vec<PeerFacts>, InventoryError> {
    let facts = |(role, peer): (_, &Peer)| {
        let zone = zone_of(zones, peer).ok_or_else(|| InventoryError::UnknownPeer {
            shard: name.clone(),
            zone: peer.zone_id.clone(),
        })?;
        Ok(PeerFacts { zone: zone_facts(zone)?, role, peer: peer.clone() })
    };
    state.peers().map(facts).collect()
}

/// The size of the database, and its tables.
async fn database_facts(
    deployment: &Deployment,
    name: &ShardName,
    state: &ClusterState,
) -> Result<(u64, Tables), InventoryError> {
    let failed =
        |source| InventoryError::Database { shard: name.clone(), source: Box::new(source) };
    let primary = endpoint(&state.primary)?;
    let database = deployment.databases().connect(&primary, STATEMENT).await.map_err(failed)?;
    let sql = "SELECT pg_database_size(current_database())";
    let size: i64 = database.value("read the size", sql, &[]).await.map_err(failed)?;
    let tables = list_tables(&database).await.map_err(|source| InventoryError::Tables {
        shard: name.clone(),
        source: Box::new(source),
    })?;
    Ok((u64::try_from(size).unwrap_or(0), tables))
}

/// A zone, as VMAPI has it.
pub(crate) fn zone_facts(zone: &manta::Peer) -> Result<ZoneFacts, InventoryError> {
    let uuid = zone.vm.uuid;
    Ok(ZoneFacts {
        place: crate::deployment::ZonePlace {
            zone: uuid,
            server: zone.server,
            datacenter: zone.datacenter.clone(),
        },
        alias: zone.vm.alias.clone().ok_or(InventoryError::NoAlias(uuid))?,
        ip: zone.vm.primary_ip().ok_or(InventoryError::NoAddress(uuid))?.to_owned(),
        image: zone.image,
    })
}

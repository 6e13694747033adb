//! Every peer of a shard: who and where it is, and how far behind the primary.

use std::collections::BTreeMap;
use std::time::Duration;

use manatee_client::{ClusterState, Generation, Lsn, Peer, Role, ShardName, ZoneId};
use sapi_client::cnapi::ServerFilter;
use sapi_client::manta;
use sapi_client::{ImageUuid, ServerUuid};
use serde::Serialize;

use super::progress::{ReplicaState, follow};
use crate::causes::Chain;
use crate::deployment::Deployment;
use crate::inventory::{InventoryError, shard_state, zones_of};

/// The longest that names are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The chain of a shard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChainStatus {
    /// The shard.
    pub shard: ShardName,
    /// Counts the changes of primary or sync.
    pub generation: Generation,
    /// Primary, sync, asyncs in the order of the chain, deposed.
    pub peers: Vec<PeerStatus>,
    /// Things that could not be found out: an API that does not answer hides names, and nothing else.
    pub unknown: Vec<String>,
}

/// A peer of a shard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PeerStatus {
    /// Its role.
    pub role: Role,
    /// Its zone.
    pub zone: ZoneId,
    /// Its address.
    pub ip: String,
    /// Its zone as SAPI and VMAPI know it.
    pub place: Option<PeerPlace>,
    /// Its position in the log: for the primary what it has written, for others what they have replayed.
    pub position: Option<Lsn>,
    /// Bytes of the primary's log that it has not replayed.
    pub behind: Option<u64>,
    /// True if it streams from the peer before it in the chain.
    pub streams: Option<bool>,
    /// The progress of copying the database, while that lasts.
    pub restore: Option<RestoreStatus>,
    /// The reason that it does not replicate, or does not answer.
    pub trouble: Option<String>,
}

/// The place of a peer's zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeerPlace {
    /// Its alias.
    pub alias: String,
    /// The server that it is on.
    pub server: ServerUuid,
    /// The server's name, where CNAPI tells.
    pub hostname: Option<String>,
    /// Its datacenter.
    pub datacenter: String,
    /// The image that it runs.
    pub image: ImageUuid,
}

/// The progress of a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RestoreStatus {
    /// Bytes that are there.
    pub completed: u64,
    /// All of them, by estimate.
    pub size: u64,
}

/// Looks at every peer of a shard. Nothing is changed.
///
/// # Errors
///
/// [`InventoryError::Shard`] if the shard's state cannot be read. What else does not answer is part of the status.
pub async fn chain_status(
    deployment: &Deployment,
    shard: &ShardName,
) -> Result<ChainStatus, InventoryError> {
    let state = shard_state(deployment, shard).await?;
    let (zones, names, mut peers) = tokio::join!(
        in_time("SAPI and VMAPI", zones(deployment, shard)),
        in_time("CNAPI", hostnames(deployment)),
        replication(deployment, &state),
    );
    let unknown = [zones.as_ref().err(), names.as_ref().err()];
    let unknown = unknown.into_iter().flatten().cloned().collect();
    let (zones, names) = (zones.unwrap_or_default(), names.unwrap_or_default());
    for peer in &mut peers {
        let zone = zones.iter().find(|zone| zone.vm.uuid.to_string() == peer.zone.as_str());
        peer.place = zone.map(|zone| PeerPlace {
            alias: zone.vm.alias.clone().unwrap_or_default(),
            server: zone.server,
            hostname: names.get(&zone.server).cloned(),
            datacenter: zone.datacenter.clone(),
            image: zone.image,
        });
    }
    Ok(ChainStatus { shard: shard.clone(), generation: state.generation, peers, unknown })
}

/// Returns what an API says, or why it is not known. The APIs' clients try again for longer than somebody waits who wants to see
/// the replication.
async fn in_time<T>(
    api: &str,
    asking: impl Future<Output = Result<T, InventoryError>>,
) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(answer) => answer.map_err(|error| Chain(&error).to_string()),
        Err(_) => Err(format!("{api} did not answer within {} s", PATIENCE.as_secs())),
    }
}

async fn zones(
    deployment: &Deployment,
    shard: &ShardName,
) -> Result<Vec<manta::Peer>, InventoryError> {
    let manta = deployment.sapi()?.find_manta().await?;
    zones_of(deployment, &manta, "postgres", shard.as_str()).await
}

async fn hostnames(
    deployment: &Deployment,
) -> Result<BTreeMap<ServerUuid, String>, InventoryError> {
    let mut names = BTreeMap::new();
    for datacenter in deployment.datacenters() {
        let listed = datacenter.cnapi.list_servers(&ServerFilter::default()).await;
        let what = format!("the servers of {}", datacenter.name);
        for server in listed.map_err(InventoryError::api(what))? {
            names.extend(server.hostname.map(|name| (server.uuid, name)));
        }
    }
    Ok(names)
}

/// Without places.
async fn replication(deployment: &Deployment, state: &ClusterState) -> Vec<PeerStatus> {
    let written = match state.primary.endpoint() {
        Ok(endpoint) => {
            let position = deployment.databases().current_position(&endpoint).await;
            position.map_err(|error| Chain(&error).to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    let is_replica = |role| matches!(role, Role::Sync | Role::Async);
    let replicas: Vec<Peer> =
        state.peers().filter(|(role, _)| is_replica(*role)).map(|(_, peer)| peer.clone()).collect();
    let target = written.as_ref().copied().ok();
    let followed = follow(deployment, state, &replicas, target.unwrap_or(Lsn::ZERO)).await;
    let mut standings = followed.into_iter().map(|progress| progress.standing);
    let peers = state.peers().map(|(role, peer)| {
        let mut status = PeerStatus {
            role,
            zone: peer.zone_id.clone(),
            ip: peer.ip.clone(),
            place: None,
            position: None,
            behind: None,
            streams: None,
            restore: None,
            trouble: None,
        };
        if role == Role::Primary {
            status.position = target;
            status.trouble = written.as_ref().err().cloned();
        } else if is_replica(role)
            && let Some(standing) = standings.next()
        {
            status.follows(standing, target.is_some());
        }
        status
    });
    peers.collect()
}

impl PeerStatus {
    fn follows(&mut self, standing: ReplicaState, is_target_known: bool) {
        match standing {
            ReplicaState::Restoring { completed, size } => {
                self.restore = Some(RestoreStatus { completed, size });
            }
            ReplicaState::Replaying { replayed, missing, attached } => {
                self.position = Some(replayed);
                self.behind = is_target_known.then_some(missing);
                self.streams = Some(attached);
            }
            ReplicaState::Unreachable(why) => self.trouble = Some(why),
        }
    }
}

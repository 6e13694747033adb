//! The compute nodes.

use sapi_client::cnapi::{Extra, Server, ServerFilter, ServerStatus};

use super::{InventoryError, PeerFacts, ServerFacts};
use crate::deployment::Deployment;

/// The servers of all datacenters.
pub(super) async fn gather(
    deployment: &Deployment,
    source: &[PeerFacts],
) -> Result<Vec<ServerFacts>, InventoryError> {
    let filter =
        ServerFilter { extras: vec![Extra::Disk, Extra::Capacity], ..ServerFilter::default() };
    let mut servers = Vec::new();
    for datacenter in deployment.datacenters() {
        let listed = datacenter.cnapi.list_servers(&filter).await;
        let what = format!("the servers of {}", datacenter.name);
        for server in listed.map_err(InventoryError::api(what))? {
            servers.push(facts(&server, &datacenter.name, source));
        }
    }
    Ok(servers)
}

fn facts(server: &Server, datacenter: &str, source: &[PeerFacts]) -> ServerFacts {
    let on_it = |peer: &&PeerFacts| peer.zone.place.server == server.uuid;
    ServerFacts {
        uuid: server.uuid,
        hostname: server.hostname.clone().unwrap_or_default(),
        datacenter: datacenter.to_owned(),
        usable: server.status == Some(ServerStatus::Running) && server.setup == Some(true),
        free_bytes: free_bytes(server),
        source_peers: source.iter().filter(on_it).map(|peer| peer.zone.place.zone).collect(),
    }
}

/// The bytes that the pool has not allocated, or that CNAPI has not promised to anybody, which it gives in MiB.
pub(crate) fn free_bytes(server: &Server) -> Option<u64> {
    let number = |key: &str| server.other.get(key).and_then(serde_json::Value::as_u64);
    match (number("disk_pool_size_bytes"), number("disk_pool_alloc_bytes")) {
        (Some(size), Some(allocated)) => Some(size.saturating_sub(allocated)),
        _ => number("unreserved_disk").map(|mebibytes| mebibytes.saturating_mul(1 << 20)),
    }
}

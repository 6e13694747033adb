//! A shard at a glance.

use std::path::Path;

use manatee_client::{Freeze, ShardName};
use sapi_client::{Attributes, ImageUuid};
use serde::Serialize;
use serde_json::Value;

use crate::causes::printable;
use crate::deployment::Deployment;
use crate::inventory::{
    InventoryError, ZoneFacts, pnode_name, read_ring, shard_state, zone_facts, zones_of,
};
use crate::peers::{ChainStatus, chain_status};

/// A shard at a glance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShardOverview {
    /// Its peers, with its name and generation.
    #[serde(flatten)]
    pub chain: ChainStatus,
    /// Its freeze; `None` if takeovers happen.
    pub freeze: Option<FreezeSeen>,
    /// True if its primary takes writes without a sync, and no other peer joins.
    pub one_node_write_mode: bool,
    /// Its Moray zones.
    pub morays: Vec<ZoneFacts>,
    /// Its name in the ring.
    pub pnode: String,
    /// The ring that SAPI names.
    pub ring: ImageUuid,
    /// The number of vnodes of that ring that it has; `None` if the ring does not have it.
    pub vnodes: Option<usize>,
    /// The number of the ring's vnodes.
    pub vnode_count: u32,
    /// The metadata of SAPI's application `manta` that names it.
    pub listed: Vec<Listed>,
}

/// A freeze of a shard, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FreezeSeen {
    /// Since when; `unknown` in the old form that does not tell.
    pub since: String,
    /// Its reason.
    pub reason: String,
    /// The only one who may lift it, such as a plan; `None` if manatee-adm or a sitter froze the shard.
    pub owner: Option<String>,
}

impl FreezeSeen {
    pub(super) fn of(freeze: &Freeze) -> Self {
        let (since, reason) = freeze.shown();
        let owner = freeze.owner().map(printable);
        Self { since: printable(&since), reason: printable(&reason), owner }
    }
}

/// A piece of metadata that names a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Such as `INDEX_MORAY_SHARDS`.
    pub key: String,
    /// True if it says that the shard takes no writes.
    pub read_only: bool,
}

/// Looks at a shard. Nothing is changed; the ring's image is kept in the directory `cache`.
///
/// # Errors
///
/// [`InventoryError`]. Peers that do not answer are part of the overview.
pub async fn shard_overview(
    deployment: &Deployment,
    shard: &ShardName,
    cache: &Path,
) -> Result<ShardOverview, InventoryError> {
    let state = shard_state(deployment, shard).await?;
    let chain = chain_status(deployment, shard).await?;
    let manta = deployment.sapi()?.find_manta().await?;
    let morays = zones_of(deployment, &manta, "moray", shard.as_str()).await?;
    let ring = read_ring(deployment, &manta, cache).await?;
    let metadata = manta.application().metadata.clone().unwrap_or_default();
    Ok(ShardOverview {
        chain,
        freeze: state.freeze.as_ref().map(FreezeSeen::of),
        one_node_write_mode: state.one_node_write_mode,
        morays: morays.iter().map(zone_facts).collect::<Result<_, _>>()?,
        pnode: pnode_name(shard),
        ring: ring.image,
        vnodes: ring.vnodes_of(shard).map(crate::VnodeSet::len),
        vnode_count: ring.vnode_count,
        listed: listed_in(&metadata, shard),
    })
}

/// The metadata that names a shard, wherever in its value.
pub fn listed_in(metadata: &Attributes, shard: &ShardName) -> Vec<Listed> {
    let naming = metadata.as_map().iter().filter(|(_, value)| names(value, shard));
    let listed = naming
        .map(|(key, value)| Listed { key: key.clone(), read_only: is_read_only(value, shard) });
    listed.collect()
}

fn names(value: &Value, shard: &ShardName) -> bool {
    match value {
        Value::String(text) => text == shard.as_str(),
        Value::Array(elements) => elements.iter().any(|element| names(element, shard)),
        Value::Object(members) => members.values().any(|member| names(member, shard)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn is_read_only(value: &Value, shard: &ShardName) -> bool {
    let elements = value.as_array().into_iter().flatten();
    elements
        .filter(|element| element.get("host").is_some_and(|host| host == shard.as_str()))
        .any(|element| element.get("readOnly") == Some(&Value::Bool(true)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shard_is_found_in_texts_and_lists() {
        let shards = json!([
            {"host": "2.moray.a.b", "readOnly": true},
            {"host": "1.moray.a.b", "last": true},
        ]);
        let metadata = Attributes::new()
            .with("INDEX_MORAY_SHARDS", shards)
            .with("STORAGE_MORAY_SHARD", "1.moray.a.b")
            .with("REGION", "a");
        let listed = |shard: &str| {
            let found = listed_in(&metadata, &shard.parse().unwrap());
            found.into_iter().map(|found| (found.key, found.read_only)).collect::<Vec<_>>()
        };
        let key = |key: &str, read_only| (key.to_owned(), read_only);
        assert_eq!(
            listed("1.moray.a.b"),
            [key("INDEX_MORAY_SHARDS", false), key("STORAGE_MORAY_SHARD", false)]
        );
        assert_eq!(listed("2.moray.a.b"), [key("INDEX_MORAY_SHARDS", true)]);
        assert_eq!(listed("3.moray.a.b"), []);
    }
}

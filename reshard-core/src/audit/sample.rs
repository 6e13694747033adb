//! Keys of all shards, and what a router should say of them.

use manatee_client::ShardName;
use moray_client::NodeInfo;

use super::routers::ReferenceRing;
use super::{BUCKET, STATEMENT_TIMEOUT, sample_keys};
use crate::VnodeSet;
use crate::deployment::{Database, Deployment};
use crate::inventory::PnodeFacts;
use crate::keys::KeyHash;
use crate::rows::{RowsError, connect_last, connect_primary};

/// A key with what a router should say of it.
pub(super) struct Sampled {
    pub(super) key: String,
    vnode: u64,
    pub(super) pnode: String,
    read_only: bool,
}

async fn connect(deployment: &Deployment, pnode: &str) -> Result<Database, RowsError> {
    let shard = shard_of(pnode)?;
    match connect_last(deployment, &shard, STATEMENT_TIMEOUT).await {
        // A few keys do not hurt the primary.
        Err(RowsError::Database(_)) => connect_primary(deployment, &shard, STATEMENT_TIMEOUT).await,
        connected => connected,
    }
}

pub(super) fn shard_of(pnode: &str) -> Result<ShardName, RowsError> {
    let facts = PnodeFacts { pnode: pnode.to_owned(), vnodes: VnodeSet::default() };
    let shard = facts.host().and_then(|host| host.parse().ok());
    shard.ok_or_else(|| RowsError::Ring {
        problem: format!("has the pnode {pnode}, which is no shard"),
    })
}

/// Keys of a shard, as its least important peer knows them.
pub(super) async fn sample_of(
    deployment: &Deployment,
    reference: &ReferenceRing,
    pnode: &str,
    limit: usize,
) -> Result<Vec<Sampled>, RowsError> {
    let database = connect(deployment, pnode).await?;
    let ring = &reference.ring;
    let hash = KeyHash::of(ring);
    let owned = pnode.parse().ok().and_then(|pnode| ring.vnodes_of(&pnode).ok());
    let owned: VnodeSet = owned.unwrap_or_default().into_iter().collect();
    let marked: VnodeSet = ring.vnodes_with_data().filter(|vnode| owned.contains(*vnode)).collect();
    let mut keys = sample_keys(&database, &hash, &owned, limit).await?;
    if !marked.is_empty() {
        keys.extend(sample_keys(&database, &hash, &marked, limit).await?);
    }
    keys.sort_unstable();
    keys.dedup();
    let sampled = keys.into_iter().filter_map(|key| {
        let vnode = hash.vnode_of_key(BUCKET, &key).ok()?;
        let read_only = ring.node(vnode).ok()?.data.is_read_only();
        Some(Sampled { key, vnode: vnode.number().into(), pnode: pnode.to_owned(), read_only })
    });
    Ok(sampled.collect())
}

/// In what a router differs from what it should say of a key.
pub(super) fn difference(sampled: &Sampled, node: Option<&NodeInfo>) -> Option<String> {
    let (key, vnode) = (&sampled.key, sampled.vnode);
    let Some(node) = node else { return Some(format!("{key}: it names no pnode")) };
    if node.vnode != vnode {
        return Some(format!("{key} to vnode {}, not {vnode}", node.vnode));
    }
    if node.pnode != sampled.pnode {
        return Some(format!("{key} (vnode {vnode}) to {}, not {}", node.pnode, sampled.pnode));
    }
    if node.is_read_only() != sampled.read_only {
        let is = if sampled.read_only { "writable, not read-only" } else { "read-only" };
        return Some(format!("{key}: vnode {vnode} is {is}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_differs_in_pnode_vnode_or_data() {
        let sampled =
            Sampled { key: "/k".into(), vnode: 7, pnode: "tcp://1".into(), read_only: true };
        let node = |pnode: &str, vnode, data: &str| NodeInfo {
            pnode: pnode.to_owned(),
            vnode,
            data: data.into(),
        };
        let told = |node| difference(&sampled, Some(&node));
        assert_eq!(told(node("tcp://1", 7, "ro")), None);
        assert_eq!(told(node("tcp://1", 8, "ro")).unwrap(), "/k to vnode 8, not 7");
        assert_eq!(told(node("tcp://2", 7, "ro")).unwrap(), "/k (vnode 7) to tcp://2, not tcp://1");
        let text = told(node("tcp://1", 7, "1")).unwrap();
        assert_eq!(text, "/k: vnode 7 is writable, not read-only");
        assert!(difference(&sampled, None).is_some());
    }
}

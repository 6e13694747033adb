//! The routing audit: every router is asked where it finds keys, and has to name their owners.

mod checksum;
mod overlooked;
mod routers;
mod sample;

pub use self::overlooked::{OverlookedError, overlooked};
pub use self::routers::{InstanceAudit, ReferenceRing, RoutersAudit, audit_routers};

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use moray_client::NodeInfo;
use serde::{Deserialize, Serialize};

use crate::VnodeSet;
use crate::deployment::Database;
use crate::inventory::RouterFacts;
use crate::keys::KeyHash;
use crate::region::Moray;
use crate::retryable::Retryable;
use crate::rows::{RowsError, moray_schema, qualified};

/// The bucket that keys are taken from.
const BUCKET: &str = "manta";
/// The longest that a shard may take for an answer.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests to one router at the same time.
const AT_ONCE: usize = 16;

/// A router's own address, behind the load balancer of its zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterAddress {
    /// Its zone's alias and its SMF instance.
    pub name: String,
    /// `address:port`
    pub address: String,
}

/// The addresses of all SMF instances of electric-moray.
pub fn router_addresses(routers: &[RouterFacts]) -> Vec<RouterAddress> {
    let of_zone = |router: &RouterFacts| {
        let (alias, ip) = (router.zone.alias.clone(), router.zone.ip.clone());
        router.instances.clone().into_iter().map(move |instance| RouterAddress {
            name: format!("{alias} {}", instance.instance),
            address: format!("{ip}:{}", instance.port),
        })
    };
    routers.iter().flat_map(of_zone).collect()
}

/// A key and the pnode that has to be named for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// A key of the bucket `manta`.
    pub key: String,
    /// The pnode that owns it.
    pub pnode: String,
}

/// The answers of a router about some keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterAudit {
    /// The router.
    pub router: String,
    /// Keys for which it named the owner.
    pub right: u64,
    /// Keys that it did not find: deleted since they were chosen, or not where it looks.
    pub gone: Vec<String>,
    /// Keys for which it named another pnode.
    pub wrong: Vec<WrongPnode>,
}

/// A key that a router looks for in the wrong place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrongPnode {
    /// The key.
    pub key: String,
    /// Its owner.
    pub expected: String,
    /// The pnode that the router named.
    pub named: String,
}

/// A router did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the router {router} does not tell where {key} is")]
pub struct AuditError {
    /// The router.
    pub router: String,
    /// The key.
    pub key: String,
    /// The cause.
    pub source: moray_client::Error,
}

impl Retryable for AuditError {
    fn may_pass(&self) -> bool {
        self.source.is_retryable() || self.source.outcome_unknown()
    }
}

/// The bucket's table, for SQL: another of its name may come first for the role that we are.
async fn bucket(database: &Database) -> Result<String, RowsError> {
    Ok(qualified(&moray_schema(database).await?, BUCKET))
}

/// Keys of a shard that belong to these vnodes, at most one of each vnode and `limit` together, from all over the set.
///
/// # Errors
///
/// [`RowsError::Database`]
pub async fn sample_keys(
    database: &Database,
    hash: &KeyHash,
    vnodes: &VnodeSet,
    limit: usize,
) -> Result<Vec<String>, RowsError> {
    // Not every vnode has rows.
    let step = (vnodes.len() / limit.saturating_mul(8).max(1)).max(1);
    let asked: Vec<i64> = vnodes.iter().step_by(step).map(|v| i64::from(v.number())).collect();
    // In a subquery, for it ends with the first row of each vnode on every version of PostgreSQL.
    let bucket = bucket(database).await?;
    let sql = format!(
        "SELECT key FROM (SELECT (SELECT _key FROM {bucket} WHERE _vnode = v LIMIT 1) AS key \
         FROM unnest($1::bigint[]) AS v) AS sample WHERE key IS NOT NULL"
    );
    let doing = "choose keys for the audit";
    let rows = database.query(&sql, &[&asked]).await;
    let rows = rows.map_err(|error| database.error(doing, error))?;
    let keys = rows.iter().map(|row| database.cell(doing, row, 0));
    let mut keys: Vec<String> = keys.collect::<Result<_, _>>()?;
    let belongs =
        |key: &String| hash.vnode_of_key(BUCKET, key).is_ok_and(|vnode| vnodes.contains(vnode));
    keys.retain(belongs);
    let step = (keys.len() / limit.max(1)).max(1);
    Ok(keys.into_iter().step_by(step).take(limit).collect())
}

/// Asks a router for every key.
///
/// # Errors
///
/// [`AuditError`]
pub async fn audit_router(
    router: &RouterAddress,
    client: &dyn Moray,
    keys: &[Expected],
) -> Result<RouterAudit, AuditError> {
    let mut answers = stream::iter(keys.to_vec())
        .map(|expected| ask(router, client, expected))
        .buffer_unordered(AT_ONCE);
    let mut audit = RouterAudit { router: router.name.clone(), ..RouterAudit::default() };
    while let Some(answer) = answers.next().await {
        match answer? {
            (expected, None) => audit.gone.push(expected.key),
            (expected, Some(Some(node))) if node.pnode == expected.pnode => audit.right += 1,
            (expected, Some(node)) => audit.wrong.push(WrongPnode {
                key: expected.key,
                expected: expected.pnode,
                named: node.map_or_else(|| "no pnode at all".to_owned(), |node| node.pnode),
            }),
        }
    }
    Ok(audit)
}

/// Asks a router for a key's place: `None` if it does not find the key.
async fn ask(
    router: &RouterAddress,
    client: &dyn Moray,
    expected: Expected,
) -> Result<(Expected, Option<Option<NodeInfo>>), AuditError> {
    match client.get(BUCKET, &expected.key).await {
        Ok(object) => Ok((expected, Some(object.node))),
        Err(error) if error.is_not_found() => Ok((expected, None)),
        Err(source) => Err(AuditError {
            router: format!("{} ({})", router.name, router.address),
            key: expected.key,
            source,
        }),
    }
}

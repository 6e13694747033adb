//! Every shard in a line.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use manatee_client::{ClusterState, Role, Shard, ShardName};
use sapi_client::ImageUuid;
use sapi_client::manta::ShardList;
use serde::Serialize;

use super::FreezeSeen;
use super::known::by_number;
use crate::causes::Chain;
use crate::deployment::Deployment;
use crate::inventory::{InventoryError, RingFacts, read_ring, shard_state};
use crate::rows::{RowsError, connect_last, list_tables};

/// The number of shards that are looked at at once.
const AT_ONCE: usize = 16;
/// The longest that a shard may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Rows by what PostgreSQL's statistics say of a page; absent where a table with content has none. And the size of the database.
const ESTIMATE: &str = "\
    SELECT CASE WHEN bool_and(relpages > 0 OR pages = 0) \
                THEN sum(CASE WHEN relpages > 0 THEN reltuples / relpages * pages ELSE 0 END)::bigint END, \
           pg_database_size(current_database()) \
    FROM (SELECT relpages, reltuples, pg_relation_size(c.oid) / current_setting('block_size')::bigint AS pages \
          FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
          WHERE (nspname::text, relname::text) IN (SELECT * FROM unnest($1::text[], $2::text[]))) AS sharded";

/// Every shard of the region.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EveryShard {
    /// The ring that SAPI names, if it can be read.
    pub ring: Option<ImageUuid>,
    /// The number of its vnodes.
    pub vnode_count: Option<u32>,
    /// The shards, by number.
    pub shards: Vec<ShardLine>,
    /// The things that could not be found out of all of them.
    pub unknown: Vec<String>,
}

/// A shard in a line. What is not known is absent, and [`trouble`](Self::trouble) says why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShardLine {
    /// Its name.
    pub shard: ShardName,
    /// The number of peers in its chain.
    pub peers: Option<usize>,
    /// The number of peers that are deposed and wait for a rebuild.
    pub deposed: Option<usize>,
    /// The number of vnodes of the ring that it has.
    pub vnodes: Option<usize>,
    /// The number of rows of vnodes that it has, by PostgreSQL's estimate; absent too if PostgreSQL has never analysed a table.
    pub rows: Option<u64>,
    /// The size of its database, in bytes.
    pub bytes: Option<u64>,
    /// The number of its rows as a multiple of those of the mean shard of the ring.
    pub skew: Option<f64>,
    /// Its freeze; absent if takeovers happen.
    pub freeze: Option<FreezeSeen>,
    /// True if its primary takes writes without a sync.
    pub one_node_write_mode: bool,
    /// True if SAPI lists it for the index.
    pub listed: Option<bool>,
    /// True if SAPI lists it as read-only.
    pub read_only: Option<bool>,
    /// The reason why something of it is not known.
    pub trouble: Option<String>,
}

/// Looks at every shard that SAPI lists, the ring names, or ZooKeeper has, all at once. Nothing is changed; the ring's image
/// is kept in the directory `cache`. What does not answer is part of the result.
pub async fn every_shard(deployment: &Deployment, cache: &Path) -> EveryShard {
    let (region, kept) = tokio::join!(region(deployment, cache), Shard::list(deployment.session()));
    let Region { list, ring, unknown } = region;
    let mut every = EveryShard { unknown, ..EveryShard::default() };
    let mut names = BTreeSet::new();
    match kept {
        Ok(kept) => names.extend(kept),
        Err(error) => every.unknown.push(Chain(&error).to_string()),
    }
    let listed = list.iter().flat_map(|list| list.iter().map(sapi_client::manta::Shard::host));
    let in_ring = ring.iter().flat_map(|ring| ring.pnodes.iter().filter_map(|pnode| pnode.host()));
    names.extend(listed.chain(in_ring).filter_map(|host| host.parse().ok()));
    every.ring = ring.as_ref().map(|ring| ring.image);
    every.vnode_count = ring.as_ref().map(|ring| ring.vnode_count);
    let looking =
        names.into_iter().map(|shard| line(deployment, shard, list.as_ref(), ring.as_ref()));
    every.shards = futures_util::stream::iter(looking).buffer_unordered(AT_ONCE).collect().await;
    every.shards.sort_by_key(|line| by_number(&line.shard));
    compare(&mut every.shards);
    every
}

/// SAPI's list of shards, and the ring that it names.
#[derive(Default)]
struct Region {
    list: Option<ShardList>,
    ring: Option<RingFacts>,
    unknown: Vec<String>,
}

async fn region(deployment: &Deployment, cache: &Path) -> Region {
    let mut region = Region::default();
    let manta = async { Ok::<_, InventoryError>(deployment.sapi()?.find_manta().await?) };
    // That SAPI does not answer is told once, though it hides the ring too.
    let Some(manta) = region.known(manta.await) else { return region };
    region.list = region.known(manta.index_shards().map_err(InventoryError::from));
    region.ring = region.known(read_ring(deployment, &manta, cache).await);
    region
}

impl Region {
    fn known<T>(&mut self, found: Result<T, InventoryError>) -> Option<T> {
        found.map_err(|error| self.unknown.push(Chain(&error).to_string())).ok()
    }
}

async fn line(
    deployment: &Deployment,
    shard: ShardName,
    list: Option<&ShardList>,
    ring: Option<&RingFacts>,
) -> ShardLine {
    let entry = list.map(|list| list.get(shard.as_str()));
    let mut line = ShardLine {
        peers: None,
        deposed: None,
        vnodes: ring.map(|ring| ring.vnodes_of(&shard).map_or(0, crate::VnodeSet::len)),
        rows: None,
        bytes: None,
        skew: None,
        freeze: None,
        one_node_write_mode: false,
        listed: entry.map(|entry| entry.is_some()),
        read_only: entry.map(|entry| entry.is_some_and(sapi_client::manta::Shard::is_read_only)),
        trouble: None,
        shard,
    };
    let looking = async {
        match shard_state(deployment, &line.shard.clone()).await {
            Ok(state) => line.has(&state),
            Err(error) => return Some(Chain(&error).to_string()),
        }
        match estimate(deployment, &line.shard).await {
            Ok((rows, bytes)) => (line.rows, line.bytes) = (rows, Some(bytes)),
            Err(error) => return Some(Chain(&error).to_string()),
        }
        None
    };
    let late = || Some(format!("no answer within {} s", PATIENCE.as_secs()));
    let trouble = tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| late());
    ShardLine { trouble, ..line }
}

/// Rows of vnodes, and the size of the database in bytes.
async fn estimate(
    deployment: &Deployment,
    shard: &ShardName,
) -> Result<(Option<u64>, u64), RowsError> {
    let database = connect_last(deployment, shard, PATIENCE).await?;
    let tables = list_tables(&database).await?.sharded;
    let (schemas, names): (Vec<&str>, Vec<&str>) =
        tables.iter().map(|table| (table.schema.as_str(), table.name.as_str())).unzip();
    let failed = |error| database.error("estimate the rows", error);
    let row = database.query_one(ESTIMATE, &[&schemas, &names]).await.map_err(failed)?;
    let rows: Option<i64> = row.try_get(0).map_err(failed)?;
    let bytes: i64 = row.try_get(1).map_err(failed)?;
    Ok((rows.and_then(|rows| rows.try_into().ok()), bytes.try_into().unwrap_or(0)))
}

impl ShardLine {
    fn has(&mut self, state: &ClusterState) {
        let (deposed, chain): (Vec<_>, Vec<_>) =
            state.peers().partition(|(role, _)| *role == Role::Deposed);
        (self.peers, self.deposed) = (Some(chain.len()), Some(deposed.len()));
        self.freeze = state.freeze.as_ref().map(FreezeSeen::of);
        self.one_node_write_mode = state.one_node_write_mode;
    }
}

/// Sets the skew of the shards that have vnodes, if the rows of all of them are known.
fn compare(shards: &mut [ShardLine]) {
    let of_the_ring = |line: &&mut ShardLine| line.vnodes.is_some_and(|vnodes| vnodes > 0);
    let mut lines: Vec<&mut ShardLine> = shards.iter_mut().filter(of_the_ring).collect();
    let rows: Option<Vec<u64>> = lines.iter().map(|line| line.rows).collect();
    let rows = rows.unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let mean = rows.iter().sum::<u64>() as f64 / rows.len().max(1) as f64;
    if mean > 0.0 {
        for (line, rows) in lines.iter_mut().zip(rows) {
            #[expect(clippy::cast_precision_loss, reason = "an estimate")]
            let skew = rows as f64 / mean;
            line.skew = Some(skew);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, vnodes: usize, rows: Option<u64>) -> ShardLine {
        ShardLine {
            shard: name.parse().unwrap(),
            peers: None,
            deposed: None,
            vnodes: Some(vnodes),
            rows,
            bytes: None,
            skew: None,
            freeze: None,
            one_node_write_mode: false,
            listed: None,
            read_only: None,
            trouble: None,
        }
    }

    #[test]
    fn the_skew_is_of_the_shards_that_have_vnodes() {
        let mut shards =
            [line("1.m", 0, Some(7)), line("2.m", 5, Some(300)), line("3.m", 5, Some(100))];
        compare(&mut shards);
        assert_eq!(shards.each_ref().map(|line| line.skew), [None, Some(1.5), Some(0.5)]);
        let mut shards = [line("2.m", 5, None), line("3.m", 5, Some(100))];
        compare(&mut shards);
        assert_eq!(shards.each_ref().map(|line| line.skew), [None, None]);
        let mut shards = [line("2.m", 5, Some(0))];
        compare(&mut shards);
        assert_eq!(shards.each_ref().map(|line| line.skew), [None]);
    }

    #[test]
    fn shards_are_shown_by_number() {
        let mut names: Vec<ShardName> =
            ["10.m.a", "x", "2.m.b", "2.m.a"].map(|name| name.parse().unwrap()).into();
        names.sort_by_key(by_number);
        let names: Vec<&str> = names.iter().map(ShardName::as_str).collect();
        assert_eq!(names, ["2.m.a", "2.m.b", "10.m.a", "x"]);
    }
}

//! Counting the rows of a shard by who keeps them.

use std::future::ready;

use manatee_client::ShardName;
use serde::{Deserialize, Serialize};

use super::RowsError;
use super::scan::Scan;
use super::split::Split;
use super::tables::{LeftAlone, Table, list_tables};
use crate::deployment::Database;

/// The rows of a table at one shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableCount {
    /// The table.
    pub table: String,
    /// For each shard of the split, how many of the rows here it keeps.
    pub kept_by: Vec<(ShardName, u64)>,
    /// The number of all rows that have a NULL `_vnode`.
    pub without_vnode: u64,
    /// The number that have no key at all, so that nobody keeps them: they are counted nowhere else, and stay where they are.
    pub without_key: u64,
    /// The number that have a `_vnode` other than the one that their keys hash to: old names beyond ASCII, or damage.
    pub with_another_vnode: u64,
}

impl TableCount {
    /// The number of rows that other shards than this one keep: ghosts.
    pub fn ghosts_at(&self, holder: &ShardName) -> u64 {
        self.kept_by.iter().filter(|(shard, _)| shard != holder).map(|(_, rows)| rows).sum()
    }

    /// The number of rows that this shard keeps.
    pub fn kept_at(&self, holder: &ShardName) -> u64 {
        self.kept_by.iter().filter(|(shard, _)| shard == holder).map(|(_, rows)| rows).sum()
    }
}

/// The rows of all sharded tables of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardCount {
    /// The shard.
    pub shard: ShardName,
    /// The address of the peer that was read.
    pub peer: String,
    /// Its tables.
    pub tables: Vec<TableCount>,
    /// The relations that look like such a table and were not counted.
    pub left_alone: Vec<LeftAlone>,
}

impl ShardCount {
    /// The number of rows that other shards keep.
    pub fn ghosts(&self) -> u64 {
        self.tables.iter().map(|table| table.ghosts_at(&self.shard)).sum()
    }
}

/// The progress of a count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountProgress {
    /// The table that is read.
    pub table: String,
    /// Its pages that were read.
    pub done: u64,
    /// All its pages.
    pub total: u64,
}

/// Counts the rows of all sharded tables of a shard, every one of them. The database should be that of the peer which is hurt
/// least ([`crate::rows::connect_last`]); what it has not replayed yet is not seen.
///
/// # Errors
///
/// [`RowsError`]
pub async fn count_shard(
    database: &Database,
    shard: &ShardName,
    split: &Split,
    on_progress: &(dyn Fn(CountProgress) + Send + Sync),
) -> Result<ShardCount, RowsError> {
    let listed = list_tables(database).await?;
    let mut tables = Vec::new();
    for table in &listed.sharded {
        let told = |done, total| {
            on_progress(CountProgress { table: table.name.clone(), done, total });
            ready(Ok::<_, RowsError>(()))
        };
        tables.push(count_rows(database, table, split, told).await?);
    }
    let peer = database.endpoint().host.clone();
    Ok(ShardCount { shard: shard.clone(), peer, tables, left_alone: listed.left_alone })
}

/// Counts the rows of a table, every one of them. `on_progress` is told how many of the pages are read, and may wait; it
/// stops the counting with an error of its own.
///
/// # Errors
///
/// [`RowsError`], and those of `on_progress`.
pub async fn count_rows<E: From<RowsError>, F: Future<Output = Result<(), E>>>(
    database: &Database,
    table: &Table,
    split: &Split,
    mut on_progress: impl FnMut(u64, u64) -> F,
) -> Result<TableCount, E> {
    let mut kept = vec![0_u64; split.shards().len()];
    let (mut without_vnode, mut without_key, mut with_another_vnode) = (0, 0, 0);
    let mut scan = Scan::begin(database, table, 0).await?;
    while let Some(rows) = scan.next(database).await? {
        for row in rows {
            let Some(key) = &row.key else {
                without_key += 1;
                continue;
            };
            if let Some(count) = kept.get_mut(split.keeper(&table.name, key)) {
                *count += 1;
            }
            match row.vnode {
                None => without_vnode += 1,
                Some(vnode) => {
                    let of_key = split.hash().vnode_of_key(&table.name, key).ok();
                    if of_key.map(|of_key| i64::from(of_key.number())) != Some(vnode) {
                        with_another_vnode += 1;
                    }
                }
            }
        }
        let (page, pages) = scan.place();
        on_progress(page, pages).await?;
    }
    Ok(TableCount {
        table: table.name.clone(),
        kept_by: split.shards().iter().cloned().zip(kept).collect(),
        without_vnode,
        without_key,
        with_another_vnode,
    })
}

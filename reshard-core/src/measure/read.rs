//! Counting the rows of a shard's vnodes, some pages at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use fash::Vnode;
use jiff::Timestamp;
use manatee_client::{ServerVersion, ShardName};

use super::estimate::{PageSampler, TableCounts};
use super::{Measurement, Method, TableMeasurement, VnodeMeasurement};
use crate::clock::Clock;
use crate::deployment::Database;
use crate::keys::KeyHash;
use crate::rows::{
    RowsError, Table, list_tables, listed_pages_condition, pages_condition, server_version,
    table_pages,
};

/// A day, in milliseconds.
const DAY: i64 = 24 * 3600 * 1000;

/// The options of a measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureOptions {
    /// The share of the pages to read, above 0 and at most 1; absent to read all. Pages are chosen at random, as with
    /// `TABLESAMPLE SYSTEM`, but in statements that are short.
    pub share: Option<f64>,
    /// The seed of the random choice: the same gives the same pages.
    pub seed: u64,
    /// The number of vnodes that the shard owns; the error of a sample is that of a vnode of mean size.
    pub vnodes: usize,
    /// The number of pages that one statement reads.
    pub pages_at_once: u64,
    /// The pause between two statements.
    pub pause: Duration,
}

impl Default for MeasureOptions {
    /// All pages, 16 MB at a time, without pauses.
    fn default() -> Self {
        Self { share: None, seed: 0, vnodes: 1, pages_at_once: 2048, pause: Duration::ZERO }
    }
}

/// The progress of a measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasureProgress {
    /// The table that is read.
    pub table: String,
    /// Pages that were read or passed over, of all tables so far.
    pub done: u64,
    /// Pages of all tables.
    pub total: u64,
}

/// Counts rows, bytes and the rows of the last day of every vnode in every sharded table.
///
/// `database` should be the least important peer's ([`crate::rows::connect_last`]). One statement runs at a time, and none
/// reads more than some pages. Rows without a `_vnode` are counted where their keys belong, rows with one that the
/// ring does not have too.
///
/// # Errors
///
/// [`RowsError`]
pub async fn measure(
    database: &Database,
    shard: &ShardName,
    hash: &KeyHash,
    options: &MeasureOptions,
    clock: &dyn Clock,
    on_progress: &(dyn Fn(MeasureProgress) + Send + Sync),
) -> Result<Measurement, RowsError> {
    let taken = clock.now();
    let version = server_version(database).await?;
    let tables = list_tables(database).await?.sharded;
    let mut pages = Vec::new();
    for table in &tables {
        pages.push(table_pages(database, table).await?);
    }
    let total = pages.iter().sum();
    let mut before = 0;
    let mut measured = Vec::new();
    let mut counts = Vec::new();
    for (table, pages) in tables.iter().zip(pages) {
        let reader = Reader { database, table, hash, options, version, clock };
        let told = |done| {
            on_progress(MeasureProgress { table: table.name.clone(), done: before + done, total });
        };
        let counted = reader.read(pages, taken, &told).await?;
        let on_disk = reader.size_on_disk().await?;
        measured.push(table_measurement(table, &counted, on_disk));
        counts.push(counted);
        before += pages;
    }
    let method = match options.share {
        None => Method::Exact,
        Some(share) => {
            let relative_error = TableCounts::relative_error(&counts, options.vnodes);
            Method::Sampled { share, relative_error }
        }
    };
    Ok(Measurement { shard: shard.clone(), taken, method, tables: measured })
}

struct Reader<'a> {
    database: &'a Database,
    table: &'a Table,
    hash: &'a KeyHash,
    options: &'a MeasureOptions,
    version: ServerVersion,
    clock: &'a dyn Clock,
}

impl Reader<'_> {
    async fn read(
        &self,
        pages: u64,
        now: Timestamp,
        told: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<TableCounts, RowsError> {
        let mut counts = TableCounts::new(self.options.share);
        let mut sampler = PageSampler::new(self.options.share, self.options.seed, &self.table.name);
        let mut next = 0;
        while next < pages {
            let end = next.saturating_add(self.options.pages_at_once.max(1)).min(pages);
            let condition = match sampler.chosen(next..end) {
                None => Some(pages_condition(self.version, &(next..end))),
                Some(chosen) if chosen.is_empty() => None,
                Some(chosen) => Some(listed_pages_condition(&chosen)),
            };
            if let Some(condition) = condition {
                self.read_some(&condition, now, &mut counts).await?;
            }
            if !self.options.pause.is_zero() {
                self.clock.sleep(self.options.pause).await;
            }
            next = end;
            told(next);
        }
        Ok(counts)
    }

    async fn read_some(
        &self,
        condition: &str,
        now: Timestamp,
        counts: &mut TableCounts,
    ) -> Result<(), RowsError> {
        // Rows are counted by page first: rows of a vnode lie together, which makes a sample of pages less exact.
        let sql = format!(
            "SELECT _vnode::bigint, key::text, sum(rows)::bigint, sum(bytes)::bigint, sum(recent)::bigint, \
             sum(rows * rows)::bigint, sum(undated)::bigint FROM (\
             SELECT _vnode, CASE WHEN _vnode IS NULL OR _vnode < 0 OR _vnode >= $2::bigint THEN _key END AS key, \
             (ctid::text::point)[0] AS page, count(*) AS rows, sum(pg_column_size(held.*)) AS bytes, \
             count(CASE WHEN _mtime >= $1::bigint THEN 1 END) AS recent, \
             count(CASE WHEN _mtime IS NULL THEN 1 END) AS undated \
             FROM {} AS held WHERE {condition} GROUP BY 1, 2, 3) AS by_page GROUP BY 1, 2",
            self.table.sql()
        );
        let since = now.as_millisecond().saturating_sub(DAY);
        let vnodes = i64::from(self.hash.vnode_count());
        let rows = self.database.query(&sql, &[&since, &vnodes]).await;
        let doing = "count the rows of some pages";
        let rows = rows.map_err(|error| self.database.error(doing, error))?;
        for row in &rows {
            let vnode: Option<i64> = self.database.cell(doing, row, 0)?;
            let key: Option<String> = self.database.cell(doing, row, 1)?;
            let number = |column: usize| -> Result<u64, RowsError> {
                Ok(u64::try_from(self.database.cell::<i64>(doing, row, column)?).unwrap_or(0))
            };
            let vnode_of_row = match (&key, vnode.map(u32::try_from)) {
                (None, Some(Ok(vnode))) if vnode < self.hash.vnode_count() => {
                    Some(Vnode::new(vnode))
                }
                // A key that hashes beyond the last vnode belongs to none.
                (key, _) => {
                    key.as_ref().and_then(|key| self.hash.vnode_of_key(&self.table.name, key).ok())
                }
            };
            if vnode.is_none() {
                counts.without_vnode += number(2)?;
            }
            counts.without_mtime += number(6)?;
            if let Some(vnode) = vnode_of_row {
                counts.add(vnode, [number(2)?, number(3)?, number(4)?, number(5)?]);
            }
        }
        Ok(())
    }

    async fn size_on_disk(&self) -> Result<u64, RowsError> {
        let sql = "SELECT pg_total_relation_size($1::text::regclass)";
        let size: i64 = self.database.value("measure a table", sql, &[&self.table.sql()]).await?;
        Ok(u64::try_from(size).unwrap_or(0))
    }
}

/// The size on disk, with indexes and whatever room is unused, is shared out by the size of the rows.
fn table_measurement(table: &Table, counts: &TableCounts, on_disk: u64) -> TableMeasurement {
    let vnodes: BTreeMap<Vnode, [u64; 4]> = counts.scaled();
    let of_rows: u128 = vnodes.values().map(|[_, bytes, _, _]| u128::from(*bytes)).sum();
    let vnodes = vnodes.into_iter().map(|(vnode, [rows, bytes, rows_of_last_day, _])| {
        let bytes = u128::from(bytes) * u128::from(on_disk) / of_rows.max(1);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        VnodeMeasurement { vnode, rows, bytes, rows_of_last_day }
    });
    TableMeasurement {
        table: table.name.clone(),
        vnodes: vnodes.collect(),
        without_vnode: counts.scale(counts.without_vnode),
        without_mtime: counts.scale(counts.without_mtime),
    }
}

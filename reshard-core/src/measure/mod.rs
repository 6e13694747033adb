//! The number of rows and bytes that each vnode of a shard has.

mod estimate;
mod read;

use fash::Vnode;
use jiff::Timestamp;
use manatee_client::ShardName;
use serde::{Deserialize, Serialize};

pub use self::read::{MeasureOptions, MeasureProgress, measure};

/// The counts of a shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The shard.
    pub shard: ShardName,
    /// The time at which it was counted.
    pub taken: Timestamp,
    /// The method: whether every row was counted, or how many.
    pub method: Method,
    /// Every table with rows of vnodes.
    pub tables: Vec<TableMeasurement>,
}

/// The method of a count.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Every row.
    Exact,
    /// A sample of a table's pages.
    Sampled {
        /// The share of the pages that was read, above 0 and at most 1.
        share: f64,
        /// The relative standard error of the rows of a vnode of mean size.
        relative_error: f64,
    },
}

/// The vnodes of one table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableMeasurement {
    /// The table, such as `manta`.
    pub table: String,
    /// Vnodes that have rows, ascending.
    pub vnodes: Vec<VnodeMeasurement>,
    /// Rows with a NULL `_vnode`; they were counted where their keys belong.
    pub without_vnode: u64,
    /// Rows with a NULL `_mtime`: nobody knows whether they were written in the last day, and they are not counted there.
    pub without_mtime: u64,
}

/// The rows of a vnode in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "(u32, u64, u64, u64)", from = "(u32, u64, u64, u64)")]
pub struct VnodeMeasurement {
    /// The vnode.
    pub vnode: Vnode,
    /// Its rows.
    pub rows: u64,
    /// Their size in the table and its indexes, in bytes.
    pub bytes: u64,
    /// Rows that were written in the last day, for how it grows.
    pub rows_of_last_day: u64,
}

impl From<VnodeMeasurement> for (u32, u64, u64, u64) {
    fn from(of: VnodeMeasurement) -> Self {
        (of.vnode.number(), of.rows, of.bytes, of.rows_of_last_day)
    }
}

impl From<(u32, u64, u64, u64)> for VnodeMeasurement {
    fn from((vnode, rows, bytes, rows_of_last_day): (u32, u64, u64, u64)) -> Self {
        Self { vnode: Vnode::new(vnode), rows, bytes, rows_of_last_day }
    }
}

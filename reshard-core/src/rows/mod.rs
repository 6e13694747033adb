//! The rows of a shard: which tables have them, which shard keeps which, and removing those that a shard does not own any
//! more.
//!
//! Only Moray's buckets count ([`list_tables`]): what an operator or a tool has made in their likeness is listed and left alone.
//!
//! A row belongs to the vnode that its key hashes to, for there the routers look for it. Its column `_vnode` says the same,
//! as a rule: batches leave it NULL, and node-fash before Node 6 hashed names beyond ASCII otherwise. So keys are
//! hashed, and every pass reads all keys of a table, in short statements of a few hundred pages each.

mod catalogue;
mod connect;
mod copies;
mod count;
mod error;
mod flaw;
mod ghosts;
mod proof;
mod scan;
mod split;
mod tables;
#[cfg(test)]
mod tests;

pub(crate) use self::catalogue::moray_schema;
pub use self::connect::{connect_last, connect_primary, sync_lag};
pub use self::copies::{DroppedTable, drop_copy};
pub use self::count::{CountProgress, ShardCount, TableCount, count_rows, count_shard};
pub use self::error::{EmptyKeeper, RowsError, Unproven};
pub use self::flaw::Flaw;
pub use self::ghosts::{Ghost, GhostSweep, Keepers, delete_proven};
pub use self::proof::{InvalidSnapshot, ProofPoints, SeenRow, Snapshot, end_of_copying};
pub(crate) use self::scan::{listed_pages_condition, pages_condition, server_version, table_pages};
pub use self::split::Split;
pub(crate) use self::tables::qualified;
pub use self::tables::{LeftAlone, Table, Tables, UnshardedTable, list_tables};

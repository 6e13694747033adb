//! The new shards' copies of tables that one shard has for the whole region.
//!
//! A shard that is split may also be the region's storage shard: then its copies have those tables too, frozen as they were.
//! Nobody reads them there, and they must not be taken for the real ones.

use postgres_protocol::escape::escape_literal;

use super::RowsError;
use super::tables::{Table, UnshardedTable, qualified};
use crate::deployment::Database;

/// The fate of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DroppedTable {
    /// It was dropped.
    Now,
    /// There was none.
    Before,
}

/// Drops a new shard's copy of a table, and what Moray has beside it. Nothing is dropped of another shard: that `database` is the new
/// one's is up to the caller.
///
/// # Errors
///
/// [`RowsError::Database`]
pub async fn drop_copy(
    database: &Database,
    table: &UnshardedTable,
) -> Result<DroppedTable, RowsError> {
    let failed = |error| database.error("drop a copy of a table", error);
    let Table { schema, name, .. } = &table.table;
    // An unqualified name could be somebody else's table in another schema.
    let qualified = |name: &str| qualified(schema, name);
    let config = qualified("buckets_config");
    let sql = format!(
        "SELECT to_regclass($1::text) IS NOT NULL \
         OR EXISTS (SELECT 1 FROM {config} WHERE lower(name) = $2::text)"
    );
    let known: bool =
        database.value("look for a copy of a table", &sql, &[&table.table.sql(), name]).await?;
    if !known {
        return Ok(DroppedTable::Before);
    }
    let sequence = qualified(&format!("{name}_serial"));
    let locking = qualified(&format!("{name}_locking_serial"));
    let literal = escape_literal(name);
    // Without CASCADE: what depends on it is nothing that Moray makes, and somebody should look.
    let sql = format!(
        "BEGIN; SET LOCAL lock_timeout = '5s'; \
         DELETE FROM {config} WHERE lower(name) = {literal}; \
         DROP TABLE IF EXISTS {}; DROP TABLE IF EXISTS {locking}; \
         DROP SEQUENCE IF EXISTS {sequence}; COMMIT",
        table.table.sql()
    );
    if let Err(error) = database.batch_execute(&sql).await {
        // The connection may be gone, and the transaction with it.
        database.batch_execute("ROLLBACK").await.ok();
        return Err(failed(error).into());
    }
    Ok(DroppedTable::Now)
}

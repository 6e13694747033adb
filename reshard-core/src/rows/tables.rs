//! Which tables of a shard have rows that belong to vnodes.

use serde::{Deserialize, Serialize};

use super::RowsError;
use crate::deployment::Database;

/// Buckets of Manta whose rows move with their vnodes, in the order in which rows are deleted: counters before the entries
/// that they count.
const SHARDED: [&str; 3] = ["manta_directory_counts", "manta", "manta_uploads"];
/// Buckets that every shard of the index has for itself, though their tables have a column `_vnode` like all.
const EVERY_SHARD_HAS: [&str; 3] =
    ["manta_delete_log", "manta_fastdelete_queue", "manta_reshard_sentinel"];
/// A bucket that only the storage shard has.
const STORAGE: &str = "manta_storage";
/// The columns without which rows can be neither compared nor attributed.
const NEEDED: [&str; 4] = ["_key", "_vnode", "_etag", "_mtime"];

/// The tables of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// Those whose rows belong to vnodes, in the order in which rows are to be deleted.
    pub sharded: Vec<Table>,
    /// Those whose rows stay where they are.
    pub unsharded: Vec<UnshardedTable>,
}

/// A table with rows that belong to vnodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its schema.
    pub schema: String,
    /// Its name, which is its bucket's in lower case.
    pub name: String,
}

/// A table with rows that belong to no vnode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnshardedTable {
    /// Its name.
    pub name: String,
    /// Whether every shard of the index has one of its own. If not, the shard has it for the whole region.
    pub every_shard_has_one: bool,
    /// Whether it is a bucket of Moray.
    pub is_bucket: bool,
}

impl Table {
    /// Its quoted name, for SQL.
    pub fn sql(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.name))
    }
}

/// An identifier as SQL has to have it.
pub(super) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// What the catalogue says of a table.
struct Listed {
    table: Table,
    columns: Vec<String>,
    is_bucket: bool,
}

/// Lists the tables of a shard.
///
/// Manta's own buckets are known. Any other bucket is taken for sharded if one of its rows has a `_vnode`: only
/// electric-moray writes one.
///
/// # Errors
///
/// [`RowsError::Database`]
pub async fn list_tables(database: &Database) -> Result<Tables, RowsError> {
    let mut tables = Tables::default();
    for Listed { table, columns, is_bucket } in catalogue(database).await? {
        let name = table.name.as_str();
        let complete = NEEDED.iter().all(|needed| columns.iter().any(|column| column == needed));
        let every_shard_has_one = EVERY_SHARD_HAS.contains(&name);
        let known = every_shard_has_one || name == STORAGE || !complete;
        if SHARDED.contains(&name) || (!known && has_vnodes(database, &table).await?) {
            tables.sharded.push(table);
        } else if complete || is_bucket {
            tables.unsharded.push(UnshardedTable {
                name: table.name,
                every_shard_has_one,
                is_bucket,
            });
        }
    }
    tables.sharded.sort_by_key(|table| {
        let place = SHARDED.iter().position(|name| *name == table.name);
        (place.unwrap_or(SHARDED.len()), table.name.clone())
    });
    Ok(tables)
}

async fn catalogue(database: &Database) -> Result<Vec<Listed>, RowsError> {
    let failed = |error| database.error("list the tables", error);
    let buckets = database.query("SELECT lower(name) FROM buckets_config", &[]).await;
    let buckets: Vec<String> = buckets.map_err(failed)?.iter().map(|row| row.get(0)).collect();
    let rows = database
        .query(
            "SELECT table_schema::text, table_name::text, array_agg(column_name::text) \
             FROM information_schema.columns JOIN information_schema.tables \
             USING (table_catalog, table_schema, table_name) \
             WHERE table_type = 'BASE TABLE' \
             AND table_schema NOT IN ('pg_catalog', 'information_schema') \
             GROUP BY 1, 2 ORDER BY 1, 2",
            &[],
        )
        .await
        .map_err(failed)?;
    let listed = rows.iter().map(|row| {
        let table = Table { schema: row.get(0), name: row.get(1) };
        let is_bucket = buckets.contains(&table.name);
        Listed { table, columns: row.get(2), is_bucket }
    });
    Ok(listed.collect())
}

async fn has_vnodes(database: &Database, table: &Table) -> Result<bool, RowsError> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE _vnode IS NOT NULL)", table.sql());
    let row = database.query_one(&sql, &[]).await;
    Ok(row.map_err(|error| database.error("look for rows with a vnode", error))?.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        let table = Table { schema: "public".into(), name: "a\"; DROP TABLE manta; --".into() };
        assert_eq!(table.sql(), "\"public\".\"a\"\"; DROP TABLE manta; --\"");
    }
}

//! The buckets of a move, with all their columns.

use std::collections::BTreeMap;

use postgres_protocol::escape::escape_identifier;

use super::error::{GuardError, OtherColumns};
use crate::deployment::Database;
use crate::rows::qualified;

/// A bucket whose rows follow.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Its name, which entries of the log have.
    pub(super) name: String,
    /// Its table, quoted for SQL.
    pub(super) table: String,
    /// Its columns, quoted for SQL: `_key`, `_vnode`, and the others by their names. They may come in another order at the
    /// target.
    pub(super) columns: Vec<String>,
}

impl Bucket {
    /// The list of its columns, for SQL.
    pub(super) fn list(&self) -> String {
        self.columns.join(", ")
    }
}

/// The guarded buckets of a source, by their names; the target has to have each of them with the same columns.
pub(super) async fn buckets(
    source: &Database,
    target: &Database,
) -> Result<BTreeMap<String, Bucket>, GuardError> {
    let doing = "list the guarded buckets";
    let sql = "SELECT DISTINCT guarded.table_schema, guarded.table_name FROM reshard.guarded";
    let rows = source.query(sql, &[]).await.map_err(|error| source.error(doing, error))?;
    let mut buckets = BTreeMap::new();
    for row in &rows {
        let schema: String = source.cell(doing, row, 0)?;
        let name: String = source.cell(doing, row, 1)?;
        let table = qualified(&schema, &name);
        let (ours, theirs) = (columns(source, &table).await?, columns(target, &table).await?);
        if ours != theirs || ours.is_empty() {
            let of = |database: &Database| database.endpoint().host.clone();
            return Err(GuardError::Columns(Box::new(OtherColumns {
                bucket: name,
                source_host: of(source),
                source_columns: listed(&ours),
                target_host: of(target),
                target_columns: listed(&theirs),
            })));
        }
        let first = ["_key", "_vnode"];
        let others = ours.keys().map(String::as_str).filter(|column| !first.contains(column));
        let columns = first.into_iter().chain(others).map(escape_identifier).collect();
        buckets.insert(name.clone(), Bucket { name, table, columns });
    }
    Ok(buckets)
}

/// The columns of a table with their types; none if there is no such table.
async fn columns(database: &Database, table: &str) -> Result<BTreeMap<String, String>, GuardError> {
    let doing = "list the columns of a bucket";
    let sql = "SELECT attname::text, pg_catalog.format_type(atttypid, atttypmod) \
               FROM pg_catalog.pg_attribute \
               WHERE attrelid = pg_catalog.to_regclass($1::text) AND attnum > 0 AND NOT attisdropped";
    let rows = database.query(sql, &[&table]).await;
    let rows = rows.map_err(|source| database.error(doing, source))?;
    rows.iter()
        .map(|row| Ok((database.cell(doing, row, 0)?, database.cell(doing, row, 1)?)))
        .collect()
}

fn listed(columns: &BTreeMap<String, String>) -> Vec<String> {
    columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect()
}

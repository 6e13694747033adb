//! The guarded buckets, and what has become of them since (rule R18).

use std::collections::BTreeSet;
use std::fmt;

use super::error::GuardError;
use super::moves::MoveNumber;
use crate::deployment::Database;
use crate::rows::{Table, list_tables};

/// One of the two databases of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The database that the rows come from.
    Source,
    /// The one that they go to.
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "the source",
            Self::Target => "the target",
        })
    }
}

/// A difference between the buckets that were guarded and those that are there. With one of them, nobody knows that every row
/// follows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableDifference {
    /// A guarded bucket is gone, or was never there.
    #[error("{table} is missing at {side}")]
    Missing {
        /// The database.
        side: Side,
        /// The table.
        table: String,
    },
    /// A sharded bucket is there that is not guarded.
    #[error("{table} at {side} is sharded and was not when the move was armed")]
    Added {
        /// The database.
        side: Side,
        /// The table.
        table: String,
    },
    /// A column is another than it was.
    #[error(
        "the column {column} of {table} at {side} is {}, and was {} when the move was armed",
        found.as_deref().unwrap_or("missing"), guarded.as_deref().unwrap_or("missing")
    )]
    Column {
        /// The database.
        side: Side,
        /// The table.
        table: String,
        /// The column's name.
        column: String,
        /// Its type as it was at the source when that was armed; absent if there was no such column.
        guarded: Option<String>,
        /// Its type now; absent if there is no such column.
        found: Option<String>,
    },
    /// A trigger of the guard is gone or disabled.
    #[error("the trigger {trigger} of {table} at {side} is {state}")]
    Trigger {
        /// The database.
        side: Side,
        /// The table.
        table: String,
        /// The trigger.
        trigger: &'static str,
        /// `gone`, or `disabled`.
        state: &'static str,
    },
    /// Moray has made, changed or removed a bucket since.
    #[error("the bucket {bucket:?} at {side} was changed since the move was armed ({operation})")]
    BucketChanged {
        /// The database.
        side: Side,
        /// The bucket.
        bucket: String,
        /// `INSERT`, `UPDATE` or `DELETE`, which its row in `buckets_config` has seen.
        operation: String,
    },
}

/// The trigger of every guarded table that sees rows.
pub(super) const ON_ROWS: &str = "reshard_check_row";
/// The trigger of every guarded table that refuses TRUNCATE.
pub(super) const ON_TRUNCATE: &str = "reshard_check_truncate";
/// The trigger of `buckets_config`.
pub(super) const ON_BUCKETS: &str = "reshard_note_bucket";

/// The buckets that a move guards in a database, with their columns as they were when it was armed.
///
/// # Errors
///
/// [`GuardError::Database`]
pub async fn guarded_tables(
    database: &Database,
    number: MoveNumber,
) -> Result<Vec<Table>, GuardError> {
    let doing = "list the guarded tables";
    let sql = "SELECT table_schema, table_name, columns FROM reshard.guarded WHERE move = $1 \
               ORDER BY 1, 2";
    let rows = database.query(sql, &[&number.number()]).await;
    let rows = rows.map_err(|source| database.error(doing, source))?;
    let table = |row| {
        Ok(Table {
            schema: database.cell(doing, row, 0)?,
            name: database.cell(doing, row, 1)?,
            columns: database.cell(doing, row, 2)?,
        })
    };
    rows.iter().map(table).collect()
}

/// Compares the buckets that a move guards with those that are there now, at its source and, if that is there already, at its
/// target.
///
/// # Errors
///
/// [`GuardError::Database`] and [`GuardError::Rows`]. Differences are no errors.
pub async fn compare_tables(
    source: &Database,
    target: Option<&Database>,
    number: MoveNumber,
) -> Result<Vec<TableDifference>, GuardError> {
    let guarded = guarded_tables(source, number).await?;
    let mut differences = look_at(source, Side::Source, number, &guarded).await?;
    if let Some(target) = target {
        differences.extend(look_at(target, Side::Target, number, &guarded).await?);
    }
    Ok(differences)
}

async fn look_at(
    database: &Database,
    side: Side,
    number: MoveNumber,
    guarded: &[Table],
) -> Result<Vec<TableDifference>, GuardError> {
    let tables = list_tables(database).await?;
    let mut differences = Vec::new();
    for expected in guarded {
        // A bucket without rows of vnodes does not show that it is sharded, as at a target that is still empty.
        match tables.buckets().find(|table| table.is(expected)) {
            Some(found) => differences.extend(columns_differ(side, expected, found)),
            None => {
                differences.push(TableDifference::Missing { side, table: expected.to_string() });
            }
        }
    }
    let is_new = |table: &&Table| !guarded.iter().any(|expected| expected.is(table));
    let added = tables.sharded.iter().filter(is_new);
    differences
        .extend(added.map(|table| TableDifference::Added { side, table: table.to_string() }));
    differences.extend(triggers_differ(database, side, guarded).await?);
    differences.extend(changed_buckets(database, side, number).await?);
    Ok(differences)
}

/// A column's name and the rest of what [`Table`] says of it.
fn split(column: &str) -> (&str, &str) {
    column.split_once(' ').unwrap_or((column, ""))
}

/// Columns are compared by name: their order is of no meaning.
fn columns_differ(side: Side, expected: &Table, found: &Table) -> Vec<TableDifference> {
    let kind = |table: &Table, column: &str| {
        let columns = table.columns.iter().map(|column| split(column));
        let mut named = columns.filter(|(name, _)| *name == column);
        named.next().map(|(_, kind)| kind.to_owned())
    };
    let all = expected.columns.iter().chain(&found.columns);
    let names: BTreeSet<&str> = all.map(|column| split(column).0).collect();
    let differences = names.into_iter().filter_map(|column| {
        let (guarded, now) = (kind(expected, column), kind(found, column));
        (guarded != now).then(|| TableDifference::Column {
            side,
            table: expected.to_string(),
            column: column.to_owned(),
            guarded,
            found: now,
        })
    });
    differences.collect()
}

/// Moray's list of its buckets, in Moray's schema.
pub(super) fn buckets_config(schema: &str) -> Table {
    Table { schema: schema.to_owned(), name: "buckets_config".to_owned(), columns: Vec::new() }
}

async fn triggers_differ(
    database: &Database,
    side: Side,
    guarded: &[Table],
) -> Result<Vec<TableDifference>, GuardError> {
    let of_rows = [ON_ROWS, ON_TRUNCATE];
    let mut expected: Vec<(Table, &[_])> =
        guarded.iter().map(|table| (table.clone(), &of_rows[..])).collect();
    if let Some(table) = guarded.first() {
        expected.push((buckets_config(&table.schema), &[ON_BUCKETS]));
    }
    let mut differences = Vec::new();
    for (table, names) in expected {
        let triggers = triggers_of(database, &table).await?;
        for trigger in names {
            let state = match triggers.iter().find(|(name, _)| name == trigger) {
                Some((_, is_enabled)) if *is_enabled => continue,
                Some(_) => "disabled",
                None => "gone",
            };
            let table = table.to_string();
            differences.push(TableDifference::Trigger { side, table, trigger, state });
        }
    }
    Ok(differences)
}

/// SQL for the triggers of a table, by its quoted name, that run functions of the guard, and whether ordinary sessions fire them.
pub(super) const TRIGGERS: &str = "SELECT tgname::text, tgenabled IN ('O', 'A') FROM pg_trigger \
    JOIN pg_proc ON pg_proc.oid = tgfoid JOIN pg_namespace ON pg_namespace.oid = pronamespace \
    WHERE nspname = 'reshard' AND tgrelid = to_regclass($1)";

async fn triggers_of(
    database: &Database,
    table: &Table,
) -> Result<Vec<(String, bool)>, GuardError> {
    let doing = "look at the triggers of a table";
    let rows = database.query(TRIGGERS, &[&table.sql()]).await;
    let rows = rows.map_err(|source| database.error(doing, source))?;
    let trigger = |row| Ok((database.cell(doing, row, 0)?, database.cell(doing, row, 1)?));
    rows.iter().map(trigger).collect()
}

async fn changed_buckets(
    database: &Database,
    side: Side,
    number: MoveNumber,
) -> Result<Vec<TableDifference>, GuardError> {
    let doing = "list the changes of buckets";
    let sql = "SELECT DISTINCT coalesce(bucket, ''), operation FROM reshard.bucket_change \
               WHERE change > coalesce((SELECT bucket_change FROM reshard.move WHERE move = $1), 0) \
               ORDER BY 1, 2";
    let rows = database.query(sql, &[&number.number()]).await;
    let rows = rows.map_err(|source| database.error(doing, source))?;
    let change = |row| {
        let (bucket, operation) = (database.cell(doing, row, 0)?, database.cell(doing, row, 1)?);
        Ok(TableDifference::BucketChanged { side, bucket, operation })
    };
    rows.iter().map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r18_columns_are_compared_by_name() {
        let table = |columns: &[&str]| Table {
            schema: "public".to_owned(),
            name: "manta".to_owned(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        };
        let before = table(&["_key text not null", "size numeric", "type text"]);
        let reordered = table(&["type text", "_key text not null", "size numeric"]);
        assert_eq!(columns_differ(Side::Source, &before, &reordered), []);
        let after = table(&["_key text not null", "size bigint", "owner text"]);
        let found = columns_differ(Side::Target, &before, &after);
        let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
        let at = "of public.manta at the target is";
        let then = "when the move was armed";
        assert_eq!(
            texts,
            [
                format!("the column owner {at} text, and was missing {then}"),
                format!("the column size {at} bigint, and was numeric {then}"),
                format!("the column type {at} missing, and was text {then}"),
            ]
        );
    }
}

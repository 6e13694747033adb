//! The sequences of the guarded buckets, from which `_id` comes (rule R19).

use postgres_protocol::escape::escape_literal;

use super::error::GuardError;
use super::moves::MoveNumber;
use super::session::Session;
use super::tables::guarded_tables;
use crate::deployment::{Database, DatabaseError};
use crate::rows::{Table, qualified};

const DOING: &str = "look at the sequences of a bucket";

/// A sequence of the target's that was advanced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advanced {
    /// Its name with its schema, quoted.
    pub sequence: String,
    /// Its last value before, at the target.
    pub was: i64,
    /// Its last value at the source.
    pub source: i64,
    /// Its last value now: the next one is above all that either has given.
    pub now: i64,
}

/// A sequence that gives a column its default.
struct OfColumn {
    table: String,
    column: String,
    sequence: String,
    last: i64,
}

/// Advances the sequences of the guarded buckets at the target to the higher of both databases' last values and a margin, for what
/// a source that crashes may give twice. It is done before the target opens, and again does no harm.
///
/// # Errors
///
/// [`GuardError::NoSequence`] if a column of the target's has none where the source's has one; otherwise [`GuardError::LeaseLost`],
/// [`GuardError::Database`] and [`GuardError::Commit`].
pub async fn advance_sequences(
    source: &Database,
    target: &mut Session,
    number: MoveNumber,
    margin: u32,
) -> Result<Vec<Advanced>, GuardError> {
    let tables = guarded_tables(source, number).await?;
    let (of_source, of_target) =
        tokio::try_join!(sequences(source, &tables), sequences(target.database(), &tables))?;
    let mut wanted = Vec::new();
    for one in of_source {
        let is_same = |it: &&OfColumn| (&it.table, &it.column) == (&one.table, &one.column);
        let Some(same) = of_target.iter().find(is_same) else {
            return Err(GuardError::NoSequence { table: one.table, column: one.column });
        };
        let now = one.last.max(same.last).saturating_add(i64::from(margin));
        let (sequence, was) = (same.sequence.clone(), same.last);
        wanted.push(Advanced { sequence, was, source: one.last, now });
    }
    let transaction = target.begin().await?;
    if !wanted.is_empty() {
        // The target may be ahead of what was just read.
        let each = wanted.iter().enumerate().map(|(place, one)| {
            let (sequence, name) = (&one.sequence, escape_literal(&one.sequence));
            format!(
                "SELECT {place} AS place, setval({name}::regclass, greatest(last_value, {})) FROM {sequence}",
                one.now
            )
        });
        let doing = "advance the sequences";
        let rows = transaction.query(doing, &in_order(each), &[]).await?;
        for (one, row) in wanted.iter_mut().zip(&rows) {
            one.now = transaction.cell(doing, row, 1)?;
        }
    }
    transaction.commit().await?;
    Ok(wanted)
}

/// One statement of many: while they are asked, requests wait.
fn in_order(each: impl Iterator<Item = String>) -> String {
    format!("{} ORDER BY place", each.collect::<Vec<_>>().join(" UNION ALL "))
}

/// The sequences from which the tables' columns get their defaults; they need not belong to the table, as Moray's do not.
async fn sequences(database: &Database, tables: &[Table]) -> Result<Vec<OfColumn>, DatabaseError> {
    let sql = "SELECT DISTINCT listed.name, attname::text, nspname::text, relname::text \
               FROM unnest($1::text[]) AS listed (name) JOIN pg_attrdef ON adrelid = to_regclass(listed.name) \
               JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum \
               JOIN pg_depend ON pg_depend.classid = 'pg_attrdef'::regclass AND objid = pg_attrdef.oid \
               AND refclassid = 'pg_class'::regclass \
               JOIN pg_class ON pg_class.oid = refobjid AND relkind = 'S' \
               JOIN pg_namespace ON pg_namespace.oid = relnamespace ORDER BY 1, 2, 3, 4";
    let names: Vec<String> = tables.iter().map(Table::sql).collect();
    let rows = database.query(sql, &[&names]).await;
    let rows = rows.map_err(|source| database.error(DOING, source))?;
    let mut found = Vec::new();
    for row in &rows {
        let (schema, name): (String, String) =
            (database.cell(DOING, row, 2)?, database.cell(DOING, row, 3)?);
        let (table, column) = (database.cell(DOING, row, 0)?, database.cell(DOING, row, 1)?);
        found.push(OfColumn { table, column, sequence: qualified(&schema, &name), last: 0 });
    }
    if !found.is_empty() {
        let each = found.iter().enumerate().map(|(place, one)| {
            format!("SELECT {place} AS place, last_value FROM {}", one.sequence)
        });
        let rows = database.query(&in_order(each), &[]).await;
        let rows = rows.map_err(|source| database.error(DOING, source))?;
        for (one, row) in found.iter_mut().zip(&rows) {
            one.last = database.cell(DOING, row, 1)?;
        }
    }
    Ok(found)
}

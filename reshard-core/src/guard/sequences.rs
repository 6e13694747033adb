//! The sequences of the guarded buckets, from which `_id` comes (rule R19).

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
    let mut wanted = Vec::new();
    for table in guarded_tables(source, number).await? {
        let there = sequences(target.database(), &table).await?;
        for of_source in sequences(source, &table).await? {
            let same = there.iter().find(|it| it.column == of_source.column);
            let Some(of_target) = same else {
                let (table, column) = (table.to_string(), of_source.column);
                return Err(GuardError::NoSequence { table, column });
            };
            let now = of_source.last.max(of_target.last).saturating_add(i64::from(margin));
            wanted.push(Advanced {
                sequence: of_target.sequence.clone(),
                was: of_target.last,
                source: of_source.last,
                now,
            });
        }
    }
    let transaction = target.begin().await?;
    for one in &mut wanted {
        // The target may be ahead of what was just read.
        let sql = format!(
            "SELECT setval($1::text::regclass, greatest(last_value, $2)) FROM {}",
            one.sequence
        );
        let doing = "advance a sequence";
        one.now = transaction.value(doing, &sql, &[&one.sequence, &one.now]).await?;
    }
    transaction.commit().await?;
    Ok(wanted)
}

/// The sequences from which a table's columns get their defaults; they need not belong to the table, as Moray's do not.
async fn sequences(database: &Database, table: &Table) -> Result<Vec<OfColumn>, DatabaseError> {
    let sql = "SELECT DISTINCT attname::text, nspname::text, relname::text FROM pg_attrdef \
               JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum \
               JOIN pg_depend ON pg_depend.classid = 'pg_attrdef'::regclass AND objid = pg_attrdef.oid \
               AND refclassid = 'pg_class'::regclass \
               JOIN pg_class ON pg_class.oid = refobjid AND relkind = 'S' \
               JOIN pg_namespace ON pg_namespace.oid = relnamespace \
               WHERE adrelid = to_regclass($1) ORDER BY 1, 2, 3";
    let rows = database.query(sql, &[&table.sql()]).await;
    let rows = rows.map_err(|source| database.error(DOING, source))?;
    let mut found = Vec::new();
    for row in &rows {
        let (schema, name): (String, String) =
            (database.cell(DOING, row, 1)?, database.cell(DOING, row, 2)?);
        let sequence = qualified(&schema, &name);
        let sql = format!("SELECT last_value FROM {sequence}");
        let last = database.value(DOING, &sql, &[]).await?;
        found.push(OfColumn { column: database.cell(DOING, row, 0)?, sequence, last });
    }
    Ok(found)
}

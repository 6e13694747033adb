//! Rows that are written as Moray writes them, and never committed: a guard that fails for reasons of its own would stop every
//! write of the shard (rule R20).

use fash::Vnode;
use postgres_protocol::escape::escape_identifier;

use super::error::{GuardError, is_refused};
use super::session::Transaction;
use crate::VnodeSet;
use crate::rows::Table;

const DOING: &str = "write a row as Moray does";
/// The beginning of the keys. No client of Manta's makes such.
const KEY: &str = "reshard-canary";
/// An insert, an update and a delete.
const STATEMENTS: i64 = 3;

/// Writes and deletes a row of a vnode that moves, one of a vnode that does not and one without a vnode in each table as the
/// role `moray`, looks whether the guard has logged the first, and undoes it all.
pub(super) async fn try_writes(
    transaction: &Transaction<'_>,
    tables: &[Table],
    vnodes: &VnodeSet,
) -> Result<(), GuardError> {
    transaction.batch(DOING, "SAVEPOINT canary").await?;
    let moving = vnodes.iter().next().map(Vnode::number);
    let other = (0..u32::MAX).find(|number| !vnodes.contains(Vnode::new(*number)));
    for table in tables {
        let failed = |source| GuardError::Canary { table: table.to_string(), source };
        // Triggers of Manta's own find their tables by the search path.
        let schema = escape_identifier(&table.schema);
        let sql = format!("SET LOCAL search_path = {schema}; SET LOCAL ROLE moray");
        transaction.batch(DOING, &sql).await.map_err(failed)?;
        for vnode in [moving, other, None] {
            let sql = format!("SAVEPOINT row; {}", statements(table, vnode));
            match transaction.batch(DOING, &sql).await {
                Ok(()) => {}
                // A row of another move, which is fenced: the guard works.
                Err(error) if (vnode.is_none() || vnode != moving) && is_refused(&error) => {
                    transaction.batch(DOING, "ROLLBACK TO SAVEPOINT row").await?;
                }
                Err(error) => return Err(failed(error)),
            }
        }
        transaction.batch(DOING, "RESET ROLE").await?;
        let Some(moving) = moving else { continue };
        let sql = "SELECT count(*) FROM reshard.log WHERE bucket = $1 AND key = $2";
        let found = transaction.value(DOING, sql, &[&table.name, &key(Some(moving))]).await?;
        if found != STATEMENTS {
            let (table, expected) = (table.to_string(), STATEMENTS);
            return Err(GuardError::CanaryNotLogged { table, found, expected });
        }
    }
    transaction.batch(DOING, "ROLLBACK TO SAVEPOINT canary").await?;
    Ok(())
}

fn key(vnode: Option<u32>) -> String {
    format!("/{KEY}/{}", vnode.map_or("none".to_owned(), |vnode| vnode.to_string()))
}

/// An insert, an update and a delete of a row.
fn statements(table: &Table, vnode: Option<u32>) -> String {
    let (name, key) = (table.sql(), key(vnode));
    let vnode = vnode.map_or("NULL".to_owned(), |vnode| vnode.to_string());
    // Triggers of Manta's own count the entries of directories by this column.
    let has_directory = table.columns.iter().any(|column| column.starts_with("dirname "));
    let (column, value) =
        if has_directory { (", dirname", format!(", '/{KEY}'")) } else { ("", String::new()) };
    format!(
        "INSERT INTO {name} (_key, _value, _etag, _vnode{column}) VALUES ('{key}', '{{}}', 'canary00', {vnode}{value}); \
         UPDATE {name} SET _etag = 'canary01' WHERE _key = '{key}'; \
         DELETE FROM {name} WHERE _key = '{key}'"
    )
}

//! The contents of PostgreSQL's catalogue and Moray's `buckets_config`: the facts about a database that [`super::tables`] judges.

use std::collections::BTreeSet;

use tokio_postgres::SimpleQueryMessage;

use super::RowsError;
use super::tables::qualified;
use crate::deployment::Database;

/// Finds the schema in which an unqualified `buckets_config` is Moray's: as the role `moray`, by the search path that its
/// sessions begin with. Several statements in one query are one transaction, at whose end role and path are as before.
const MORAY_SCHEMA: &str = "
    SELECT set_config('search_path', coalesce(
        (SELECT substr(setting, length('search_path=') + 1)
         FROM pg_db_role_setting, unnest(setconfig) AS setting
         WHERE setting LIKE 'search\\_path=%'
         AND setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = 'moray'))
         AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
         ORDER BY setrole = 0, setdatabase = 0 LIMIT 1),
        (SELECT reset_val FROM pg_settings WHERE name = 'search_path')), true);
    SELECT set_config('role', 'moray', true);
    SELECT nspname FROM pg_catalog.pg_class
    JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relname = 'buckets_config' AND pg_catalog.pg_table_is_visible(pg_class.oid)";

/// Every relation that has rows of its own or shows those of others. Columns that were dropped are still in the catalogue.
const RELATIONS: &str = "
    SELECT nspname::text, relname::text, relkind::text, relpersistence::text,
        EXISTS (SELECT 1 FROM pg_inherits WHERE inhrelid = pg_class.oid),
        EXISTS (SELECT 1 FROM pg_inherits WHERE inhparent = pg_class.oid),
        array_agg(attname::text ORDER BY attnum),
        array_agg(format_type(atttypid, atttypmod) ORDER BY attnum),
        array_agg(attnotnull ORDER BY attnum)
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
    AND nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema')
    GROUP BY pg_class.oid, nspname, relname, relkind, relpersistence
    ORDER BY 1, 2";

/// The relations of a database, and which of them Moray knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalogue {
    /// Moray's schema.
    pub(super) schema: String,
    /// The names of Moray's buckets as tables have them, in lower case.
    pub(super) buckets: BTreeSet<String>,
    pub(super) relations: Vec<Relation>,
}

/// A table, or what looks like one to a query.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub(super) schema: String,
    pub(super) name: String,
    /// PostgreSQL's letter for what it is: `r` for an ordinary table.
    pub(super) kind: String,
    /// PostgreSQL's letter for how long it lasts: `p` for good.
    pub(super) persistence: String,
    /// True if it is a partition of another, or inherits from one.
    pub(super) inherits: bool,
    /// True if others are partitions of it, or inherit from it.
    pub(super) is_inherited: bool,
    pub(super) columns: Vec<Column>,
}

/// A column of a relation.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// Its type, such as `character(8)`.
    pub(super) kind: String,
    pub(super) not_null: bool,
}

impl Relation {
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Reads the catalogue.
pub(super) async fn catalogue(database: &Database) -> Result<Catalogue, RowsError> {
    let schema = moray_schema(database).await?;
    let doing = "list Moray's buckets";
    let sql = format!("SELECT lower(name) FROM {}", qualified(&schema, "buckets_config"));
    let rows = database.query(&sql, &[]).await.map_err(|error| database.error(doing, error))?;
    let names = rows.iter().map(|row| database.cell::<Option<String>>(doing, row, 0));
    let buckets = names.filter_map(Result::transpose).collect::<Result<_, _>>()?;
    let doing = "list the tables";
    let rows = database.query(RELATIONS, &[]).await;
    let rows = rows.map_err(|error| database.error(doing, error))?;
    let mut relations = Vec::new();
    for row in &rows {
        let names: Vec<String> = database.cell(doing, row, 6)?;
        let kinds: Vec<String> = database.cell(doing, row, 7)?;
        let not_null: Vec<bool> = database.cell(doing, row, 8)?;
        let columns = names.into_iter().zip(kinds).zip(not_null);
        relations.push(Relation {
            schema: database.cell(doing, row, 0)?,
            name: database.cell(doing, row, 1)?,
            kind: database.cell(doing, row, 2)?,
            persistence: database.cell(doing, row, 3)?,
            inherits: database.cell(doing, row, 4)?,
            is_inherited: database.cell(doing, row, 5)?,
            columns: columns
                .map(|((name, kind), not_null)| Column { name, kind, not_null })
                .collect(),
        });
    }
    Ok(Catalogue { schema, buckets, relations })
}

/// The schema in which Moray has its tables: that of `buckets_config`, where Moray finds it.
///
/// # Errors
///
/// [`RowsError::NoBuckets`] if Moray does not find it.
pub(crate) async fn moray_schema(database: &Database) -> Result<String, RowsError> {
    let failed = |error| database.error("find Moray's schema", error);
    let answer = database.simple_query(MORAY_SCHEMA).await.map_err(failed)?;
    let rows = answer.iter().filter_map(|message| {
        if let SimpleQueryMessage::Row(row) = message { Some(row) } else { None }
    });
    // The first two statements answer a row each, with what was set.
    let found = rows.skip(2).map(|row| row.try_get(0).map_err(failed)).next().transpose()?;
    let host = || database.endpoint().host.clone();
    found.flatten().map(str::to_owned).ok_or_else(|| RowsError::NoBuckets { host: host() })
}

//! The tables of a shard with rows that belong to vnodes: Moray's buckets, and nothing that only looks like one.

use std::fmt::{self, Display};

use postgres_protocol::escape::escape_identifier;
use serde::{Deserialize, Serialize};

use super::RowsError;
use super::catalogue::{Catalogue, Relation, catalogue};
use super::flaw::{Flaw, flaw};
use crate::deployment::Database;

/// Buckets of Manta whose rows move with their vnodes, in the order in which rows are deleted: counters before the entries
/// that they count.
const SHARDED: [&str; 3] = ["manta_directory_counts", "manta", "manta_uploads"];
/// Buckets that every shard of the index has for itself, though their tables have a column `_vnode` like all.
const EVERY_SHARD_HAS: [&str; 3] =
    ["manta_delete_log", "manta_fastdelete_queue", "manta_reshard_sentinel"];
/// A bucket that only the storage shard has.
const STORAGE: &str = "manta_storage";
/// The columns by which a table looks like a bucket with rows of vnodes.
const OF_A_BUCKET: [&str; 2] = ["_key", "_vnode"];

/// The tables of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tables {
    /// Buckets whose rows belong to vnodes, in the order in which rows are to be deleted.
    pub sharded: Vec<Table>,
    /// Buckets whose rows stay where they are.
    pub unsharded: Vec<UnshardedTable>,
    /// Relations that look like a bucket with rows of vnodes and are none, or are one that cannot be told apart by vnodes.
    pub left_alone: Vec<LeftAlone>,
}

/// A bucket's table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its schema, which is Moray's.
    pub schema: String,
    /// Its name, which is its bucket's in lower case.
    pub name: String,
    /// Its columns with their types: `_key text not null`.
    pub columns: Vec<String>,
}

/// A bucket with rows that belong to no vnode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnshardedTable {
    /// Its table.
    #[serde(flatten)]
    pub table: Table,
    /// True if every shard of the index has one of its own. If not, the shard has it for the whole region.
    pub every_shard_has_one: bool,
}

/// A relation that looks like a sharded table. It is never measured, and no row of it is moved or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftAlone {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// True if it is one of Moray's buckets all the same: then the shard cannot be split rightly.
    pub is_bucket: bool,
    /// The reason why it is left alone.
    pub why: Flaw,
}

impl Table {
    fn of(relation: &Relation) -> Self {
        let columns = relation.columns.iter().map(|column| {
            let not_null = if column.not_null { " not null" } else { "" };
            format!("{} {}{not_null}", column.name, column.kind)
        });
        Self {
            schema: relation.schema.clone(),
            name: relation.name.clone(),
            columns: columns.collect(),
        }
    }

    /// Its quoted name, for SQL.
    pub fn sql(&self) -> String {
        qualified(&self.schema, &self.name)
    }

    /// Tells whether this is the same table, whatever columns it has.
    pub fn is(&self, other: &Self) -> bool {
        (&self.schema, &self.name) == (&other.schema, &other.name)
    }
}

impl Tables {
    /// All buckets, whether their rows move or stay.
    pub fn buckets(&self) -> impl Iterator<Item = &Table> {
        self.sharded.iter().chain(self.unsharded.iter().map(|unsharded| &unsharded.table))
    }
}

impl LeftAlone {
    /// Tells whether this is the same table.
    pub fn is(&self, table: &Table) -> bool {
        (&self.schema, &self.name) == (&table.schema, &table.name)
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

impl Display for LeftAlone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} ({})", self.schema, self.name, self.why)
    }
}

/// A relation's name as SQL has to have it, whatever the search path.
pub(crate) fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", escape_identifier(schema), escape_identifier(name))
}

/// The meaning of a relation to a plan.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Sharded,
    /// One of its rows has to have a vnode: only electric-moray writes them.
    ShardedIfItHasVnodes,
    Unsharded {
        every_shard_has_one: bool,
    },
    LeftAlone {
        is_bucket: bool,
        why: Flaw,
    },
    Unlike,
}

/// Judges a relation by what the catalogue says.
fn standing(catalogue: &Catalogue, relation: &Relation) -> Standing {
    let name = relation.name.as_str();
    let is_named = catalogue.buckets.contains(name);
    let has_vnode = relation.column("_vnode").is_some();
    if !is_named || relation.schema != catalogue.schema {
        let why = if is_named { Flaw::OtherSchema } else { Flaw::NoBucket };
        let is_alike = OF_A_BUCKET.iter().all(|column| relation.column(column).is_some());
        return if is_alike {
            Standing::LeftAlone { is_bucket: false, why }
        } else {
            Standing::Unlike
        };
    }
    let every_shard_has_one = EVERY_SHARD_HAS.contains(&name);
    if every_shard_has_one || name == STORAGE || !has_vnode {
        return Standing::Unsharded { every_shard_has_one };
    }
    match flaw(relation) {
        Some(why) => Standing::LeftAlone { is_bucket: true, why },
        None if SHARDED.contains(&name) => Standing::Sharded,
        None => Standing::ShardedIfItHasVnodes,
    }
}

/// Lists the tables of a shard: which of them are Moray's buckets, and which only look like one.
///
/// Manta's own buckets are known. Any other bucket is taken for sharded if one of its rows has a `_vnode`: only
/// electric-moray writes one.
///
/// # Errors
///
/// [`RowsError::NoBuckets`] if Moray has no buckets there; otherwise [`RowsError::Database`].
pub async fn list_tables(database: &Database) -> Result<Tables, RowsError> {
    let catalogue = catalogue(database).await?;
    let mut tables = Tables::default();
    for relation in &catalogue.relations {
        let table = || Table::of(relation);
        match standing(&catalogue, relation) {
            Standing::Sharded => tables.sharded.push(table()),
            Standing::ShardedIfItHasVnodes if has_vnodes(database, &table()).await? => {
                tables.sharded.push(table());
            }
            Standing::ShardedIfItHasVnodes => {
                let unsharded = UnshardedTable { table: table(), every_shard_has_one: false };
                tables.unsharded.push(unsharded);
            }
            Standing::Unsharded { every_shard_has_one } => {
                tables.unsharded.push(UnshardedTable { table: table(), every_shard_has_one });
            }
            Standing::LeftAlone { is_bucket, why } => tables.left_alone.push(LeftAlone {
                schema: relation.schema.clone(),
                name: relation.name.clone(),
                is_bucket,
                why,
            }),
            Standing::Unlike => {}
        }
    }
    tables.sharded.sort_by_key(|table| {
        let place = SHARDED.iter().position(|name| *name == table.name);
        (place.unwrap_or(SHARDED.len()), table.name.clone())
    });
    Ok(tables)
}

async fn has_vnodes(database: &Database, table: &Table) -> Result<bool, RowsError> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE _vnode IS NOT NULL)", table.sql());
    Ok(database.value("look for rows with a vnode", &sql, &[]).await?)
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::Column;
    use super::*;

    fn relation(schema: &str, name: &str) -> Relation {
        let column = |(name, kind): (&str, &str)| Column {
            name: name.to_owned(),
            kind: kind.to_owned(),
            not_null: name == "_key",
        };
        let columns = [("_key", "text"), ("_etag", "character(8)"), ("_mtime", "bigint")];
        Relation {
            schema: schema.to_owned(),
            name: name.to_owned(),
            kind: "r".to_owned(),
            persistence: "p".to_owned(),
            inherits: false,
            is_inherited: false,
            columns: columns.into_iter().chain([("_vnode", "bigint")]).map(column).collect(),
        }
    }

    fn judged(relation: &Relation) -> Standing {
        let buckets = ["manta", "manta_storage", "manta_delete_log", "mine"].map(str::to_owned);
        let schema = "public".to_owned();
        standing(&Catalogue { schema, buckets: buckets.into(), relations: Vec::new() }, relation)
    }

    #[test]
    fn buckets_are_what_buckets_config_names_in_morays_schema() {
        let of = |schema: &str, name: &str| judged(&relation(schema, name));
        let lookalike = |why| Standing::LeftAlone { is_bucket: false, why };
        assert_eq!(of("public", "manta"), Standing::Sharded);
        assert_eq!(of("public", "mine"), Standing::ShardedIfItHasVnodes);
        assert_eq!(
            of("public", "manta_delete_log"),
            Standing::Unsharded { every_shard_has_one: true }
        );
        assert_eq!(
            of("public", "manta_storage"),
            Standing::Unsharded { every_shard_has_one: false }
        );
        assert_eq!(of("backup", "manta"), lookalike(Flaw::OtherSchema));
        assert_eq!(of("public", "manta_before_upgrade"), lookalike(Flaw::NoBucket));
        assert_eq!(of("repack", "table_16397"), lookalike(Flaw::NoBucket));
        let mut plain = relation("public", "plain");
        plain.columns.retain(|column| column.name != "_vnode");
        assert_eq!(judged(&plain), Standing::Unlike);
    }

    #[test]
    fn a_bucket_that_is_not_as_moray_makes_them_is_left_alone() {
        let changed = |change: &dyn Fn(&mut Relation)| {
            let mut relation = relation("public", "manta");
            change(&mut relation);
            judged(&relation)
        };
        let bucket = |why| Standing::LeftAlone { is_bucket: true, why };
        assert_eq!(changed(&|it| it.persistence = "u".to_owned()), bucket(Flaw::Unlogged));
        assert_eq!(changed(&|it| it.kind = "v".to_owned()), bucket(Flaw::View));
        assert_eq!(changed(&|it| it.is_inherited = true), bucket(Flaw::Inherited));
        let key = changed(&|it| it.columns[0].kind = "integer".to_owned());
        let why = Flaw::Column { column: "_key".to_owned(), found: "integer".to_owned() };
        assert_eq!(key, bucket(why));
        let without_mtime = changed(&|it| it.columns.retain(|column| column.name != "_mtime"));
        let why = Flaw::Column { column: "_mtime".to_owned(), found: "missing".to_owned() };
        assert_eq!(without_mtime, bucket(why));
    }

    #[test]
    fn names_are_quoted() {
        let name = "a\"; DROP TABLE manta; --".to_owned();
        let table = Table { schema: "public".into(), name, columns: Vec::new() };
        assert_eq!(table.sql(), "\"public\".\"a\"\"; DROP TABLE manta; --\"");
    }
}

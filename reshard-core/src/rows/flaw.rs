//! The reasons why a table that looks like a bucket is not treated as one.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::catalogue::Relation;

/// The types of keys that can be hashed as electric-moray hashes them.
const TEXT: [&str; 2] = ["text", "character varying"];
/// The types of numbers that 64 bits hold.
const NUMBERS: [&str; 3] = ["bigint", "integer", "smallint"];
/// The columns that rows are attributed and compared by, and the types they may have; none if any will do.
const NEEDED: [(&str, &[&str]); 4] =
    [("_key", &TEXT), ("_vnode", &NUMBERS), ("_etag", &[]), ("_mtime", &NUMBERS)];

/// The reason why a table is left alone though it looks like a sharded one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Flaw {
    /// Moray's `buckets_config` does not name it.
    NoBucket,
    /// It has the name of a bucket, and is in another schema than Moray's.
    OtherSchema,
    /// Standbys have none of its rows.
    Unlogged,
    /// It goes with the session that made it.
    Temporary,
    /// It shows rows of others.
    View,
    /// It is a copy of what a query answered.
    MaterializedView,
    /// Its rows are at another server.
    Foreign,
    /// Its rows are in other tables.
    Partitioned,
    /// It is a part of another table.
    Inherits,
    /// Other tables are parts of it.
    Inherited,
    /// A column has a type that rows cannot be attributed or compared by.
    Column {
        /// The column.
        column: String,
        /// Its type, or `missing`.
        found: String,
    },
    /// It is of a kind that this library does not know.
    Unknown,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoBucket => "not in buckets_config",
            Self::OtherSchema => "not in Moray's schema",
            Self::Unlogged => "unlogged: standbys have none of its rows",
            Self::Temporary => "temporary",
            Self::View => "a view",
            Self::MaterializedView => "a materialized view",
            Self::Foreign => "a foreign table",
            Self::Partitioned => "partitioned",
            Self::Inherits => "a part of another table",
            Self::Inherited => "other tables are parts of it",
            Self::Column { column, found } => {
                return write!(f, "its {column} is {found}, which no bucket's is");
            }
            Self::Unknown => "of an unknown kind",
        })
    }
}

/// The flaw of a bucket's table, if it is not as Moray makes them: ordinary, for good, on its own, and with columns that
/// rows can be attributed and compared by.
pub(super) fn flaw(relation: &Relation) -> Option<Flaw> {
    let kind = match relation.kind.as_str() {
        "r" => None,
        "p" => Some(Flaw::Partitioned),
        "v" => Some(Flaw::View),
        "m" => Some(Flaw::MaterializedView),
        "f" => Some(Flaw::Foreign),
        _ => Some(Flaw::Unknown),
    };
    let lasting = match relation.persistence.as_str() {
        "p" => None,
        "u" => Some(Flaw::Unlogged),
        "t" => Some(Flaw::Temporary),
        _ => Some(Flaw::Unknown),
    };
    let part = match (relation.inherits, relation.is_inherited) {
        (true, _) => Some(Flaw::Inherits),
        (_, true) => Some(Flaw::Inherited),
        (false, false) => None,
    };
    kind.or(lasting).or(part).or_else(|| {
        NEEDED.iter().find_map(|(column, kinds)| {
            let found = match relation.column(column) {
                Some(there) if kinds.is_empty() || is_one_of(&there.kind, kinds) => return None,
                Some(there) => there.kind.clone(),
                None => "missing".to_owned(),
            };
            Some(Flaw::Column { column: (*column).to_owned(), found })
        })
    })
}

/// Tells whether a type is one of these, whatever its length: `character varying(64)`.
fn is_one_of(kind: &str, kinds: &[&str]) -> bool {
    kinds.contains(&kind.split('(').next().unwrap_or(kind))
}

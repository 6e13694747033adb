//! Buckets: what `buckets_config` says of one, and the table that one is.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A bucket's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    /// Attributes of values that are columns as well, and their types.
    pub(crate) index: Vec<Column>,
    /// True if deleted and overwritten objects are recorded in the delete log.
    pub(crate) delete_log: bool,
    /// The version of the configuration.
    pub(crate) version: u64,
}

/// An attribute with an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// As it is in values.
    pub(crate) attribute: String,
    pub(crate) kind: Kind,
    pub(crate) unique: bool,
}

/// The types of attributes that the lab's Moray has. Moray has more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    String,
    Number,
    Boolean,
}

impl Kind {
    fn sql(self) -> &'static str {
        match self {
            Self::String => "TEXT",
            Self::Number => "NUMERIC",
            Self::Boolean => "BOOLEAN",
        }
    }
}

/// The source of the trigger of the bucket `manta`, for a real Moray that is given a lab's database: it makes a function
/// of this, and calls it with each request and a callback. The lab's Moray looks at the name only.
const DELETE_LOG: &str = include_str!("record_delete_log.js");

impl Column {
    /// The column's name in SQL: identifiers are not quoted when tables are made, so it is all lower case.
    pub(crate) fn name(&self) -> String {
        self.attribute.to_lowercase()
    }
}

impl Bucket {
    /// A bucket whose attributes are all text but `entries`, as all of Manta's are.
    pub(crate) fn of_manta(name: &str, attributes: &[&str]) -> Self {
        let column = |attribute: &&str| Column {
            attribute: (*attribute).to_owned(),
            kind: if *attribute == "entries" { Kind::Number } else { Kind::String },
            unique: false,
        };
        let manta = name == "manta";
        Self {
            name: name.to_owned(),
            index: attributes.iter().map(column).collect(),
            delete_log: manta,
            version: if manta { 2 } else { 1 },
        }
    }

    /// A bucket from the configuration that `createBucket` has, or from a row of `buckets_config`. `None` if it is none, or has a type of
    /// index that the lab does not know.
    pub(crate) fn from_config(name: &str, config: &Value) -> Option<Self> {
        let none = Map::new();
        let index = match config.get("index") {
            Some(index) => index.as_object()?,
            None => &none,
        };
        let columns = index.iter().map(|(attribute, options)| {
            let kind = serde_json::from_value(options.get("type")?.clone()).ok()?;
            let unique = options.get("unique").and_then(Value::as_bool).unwrap_or(false);
            is_identifier(attribute).then(|| Column { attribute: attribute.clone(), kind, unique })
        });
        let post = config.get("post").and_then(Value::as_array);
        let delete_log = post.into_iter().flatten().any(|function| {
            function.as_str().is_some_and(|source| source.contains("recordDeleteLog"))
        });
        let version = config.get("options").and_then(|options| options.get("version"));
        Some(Self {
            name: name.to_owned(),
            index: columns.collect::<Option<_>>()?,
            delete_log,
            version: version.and_then(Value::as_u64).unwrap_or(0),
        })
    }

    /// The column `index` of `buckets_config`.
    pub(crate) fn index_json(&self) -> Value {
        let columns = self.index.iter().map(|column| {
            let options = if column.unique {
                json!({"type": column.kind, "unique": true})
            } else {
                json!({"type": column.kind})
            };
            (column.attribute.clone(), options)
        });
        Value::Object(columns.collect())
    }

    /// The column `post`.
    pub(crate) fn post_json(&self) -> Value {
        if self.delete_log { json!([DELETE_LOG]) } else { json!([]) }
    }

    /// The column `options`.
    pub(crate) fn options_json(&self) -> Value {
        json!({"version": self.version})
    }

    /// The statements that make the bucket's table and indexes, unless they are there.
    pub(crate) fn ddl(&self) -> String {
        let name = self.name.to_lowercase();
        let mut columns = String::new();
        let mut indexes = Vec::new();
        for column in &self.index {
            let unique = if column.unique { " UNIQUE" } else { "" };
            columns.extend([", ", &column.name(), " ", column.kind.sql(), unique]);
            if !column.unique {
                indexes.push(column.name());
            }
        }
        indexes.extend(["_id", "_etag", "_mtime", "_vnode"].map(str::to_owned));
        let table = format!(
            "CREATE SEQUENCE IF NOT EXISTS {name}_serial;
             CREATE TABLE IF NOT EXISTS {name} (_id BIGINT DEFAULT nextval('{name}_serial'), _txn_snap INTEGER,
                _key TEXT PRIMARY KEY, _value TEXT NOT NULL, _etag CHAR(8) NOT NULL,
                _mtime BIGINT DEFAULT CAST (EXTRACT (EPOCH FROM NOW()) * 1000 AS BIGINT), _vnode BIGINT{columns});"
        );
        let index = |column: String| {
            format!(
                "CREATE INDEX IF NOT EXISTS {name}_{column}_idx ON {name} USING BTREE ({column}) \
                 WHERE {column} IS NOT NULL;"
            )
        };
        indexes.into_iter().map(index).fold(table, |ddl, index| ddl + "\n" + &index) + "\n"
    }
}

/// Tells whether a bucket can have this name: what is an identifier to SQL without quotes, and no table of PostgreSQL's.
pub(crate) fn is_bucket_name(name: &str) -> bool {
    is_identifier(name) && !name.starts_with("pg_") && name != "buckets_config" && name != "moray"
}

fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= 63
        && bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_as_it_was_written() {
        let bucket = Bucket::of_manta("manta", &["dirname", "objectId"]);
        let config = json!({"index": bucket.index_json(), "post": bucket.post_json(),
            "options": bucket.options_json()});
        assert_eq!(Bucket::from_config("manta", &config), Some(bucket.clone()));
        assert!(bucket.ddl().contains("manta__vnode_idx"));
        assert!(bucket.ddl().contains("objectid TEXT"));
    }

    #[test]
    fn names_and_types_are_not_taken_on_trust() {
        for name in ["", "1a", "a;b", "a\"", "pg_class", "buckets_config"] {
            assert!(!is_bucket_name(name), "{name}");
        }
        let bad =
            [json!({"index": {"a b": {"type": "string"}}}), json!({"index": {"a": {"type": "x"}}})];
        assert!(bad.iter().all(|config| Bucket::from_config("b", config).is_none()));
    }
}

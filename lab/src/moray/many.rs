//! Writing to all objects at once that a filter matches: `updateObjects`, `deleteMany`.

use moray_client::ServerError;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::bucket::{Bucket, Column};
use super::error;
use super::filter::Condition;
use super::objects::matching;
use super::transaction::Transaction;
use super::values::Parameter;
use super::writes::{cell, now};

/// The fields that an update has.
pub(super) fn fields(fields: &Value) -> Result<&Map<String, Value>, ServerError> {
    let found = fields.as_object().filter(|found| !found.is_empty());
    found.ok_or_else(|| error::field_update(fields))
}

/// Changes columns of objects; their values stay, and are read with what the columns have. All get the same etag.
pub(super) async fn update(
    transaction: &mut Transaction,
    bucket: &Bucket,
    fields: &Map<String, Value>,
    filter: &str,
    options: &Map<String, Value>,
) -> Result<Value, ServerError> {
    let Condition { sql: rows, mut parameters } = matching(bucket, filter, options)?;
    // As the real one makes it.
    let etag: String = format!("u{}", Uuid::new_v4()).chars().take(8).collect();
    let mut columns = Vec::new();
    let mut set = |column: &str, value: Parameter| {
        parameters.push(value);
        columns.push(format!("{column} = ${}", parameters.len()));
    };
    set("_etag", Parameter::from(etag.as_str()));
    set("_mtime", Parameter::from(now()));
    for (attribute, value) in fields {
        let column = column(bucket, attribute);
        let column = column.ok_or_else(|| {
            error::not_indexed(&bucket.name, &Value::Object(fields.clone()).to_string())
        })?;
        let value = cell(column, Some(value))?;
        if value == Parameter::NULL {
            let kind = serde_json::to_value(column.kind).unwrap_or(Value::Null);
            return Err(error::not_nullable(attribute, &kind));
        }
        set(&column.name(), value);
    }
    let (name, columns) = (&bucket.name, columns.join(", "));
    let sql = format!(
        "UPDATE {name} SET {columns} WHERE _id IN (SELECT _id FROM {name}{rows}) RETURNING 1"
    );
    let updated = transaction.query(&sql, &parameters).await?;
    Ok(json!({"count": updated.len(), "etag": etag}))
}

/// Deletes objects. The delete log knows nothing of it.
pub(super) async fn delete(
    transaction: &mut Transaction,
    bucket: &Bucket,
    filter: &str,
    options: &Map<String, Value>,
) -> Result<Value, ServerError> {
    let Condition { sql: rows, parameters } = matching(bucket, filter, options)?;
    let name = &bucket.name;
    let sql = format!("DELETE FROM {name} WHERE _id IN (SELECT _id FROM {name}{rows}) RETURNING 1");
    let deleted = transaction.query(&sql, &parameters).await?;
    Ok(json!({"count": deleted.len()}))
}

fn column<'b>(bucket: &'b Bucket, attribute: &str) -> Option<&'b Column> {
    bucket.index.iter().find(|column| column.attribute == attribute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_has_fields() {
        for none in [json!({}), json!(null), json!([])] {
            let words = format!("FieldUpdateError: {none} is not a valid update definition");
            assert_eq!(fields(&none).unwrap_err().to_string(), words);
        }
        assert_eq!(fields(&json!({"a": 1})).unwrap().len(), 1);
    }
}

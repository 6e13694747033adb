//! Reading objects: one by its key, several by a filter.

use moray_client::ServerError;
use serde_json::{Map, Value, json};
use tokio_postgres::Row;

use super::bucket::Bucket;
use super::error;
use super::filter::{Condition, column};
use super::transaction::Transaction;
use super::values::{Cell, Parameter};

/// The number of objects that a search gives when it does not say how many.
const DEFAULT_LIMIT: u64 = 1000;

/// The object of a key.
pub(super) async fn get(
    transaction: &mut Transaction,
    bucket: &Bucket,
    key: &str,
) -> Result<Value, ServerError> {
    let sql = format!("SELECT {} FROM {} WHERE _key = $1", columns(bucket), bucket.name);
    let rows = transaction.query(&sql, &[Parameter::from(key)]).await?;
    let row = rows.first().ok_or_else(|| error::object_not_found(&bucket.name, key))?;
    object(bucket, row)
}

/// The rows that a filter matches, as what follows the name of the table in SQL: of these so many as `limit` says, in the order of
/// `sort`, from `offset` on.
pub(super) fn matching(
    bucket: &Bucket,
    filter: &str,
    options: &Map<String, Value>,
) -> Result<Condition, ServerError> {
    let condition = Condition::new(bucket, filter).ok_or_else(|| error::invalid_query(filter))?;
    let Condition { sql: condition, mut parameters } = condition;
    let flag = |name: &str| options.get(name).and_then(Value::as_bool).unwrap_or(false);
    let number = |name: &str| options.get(name).and_then(Value::as_u64);
    let order = order(bucket, options.get("sort"));
    let order = order.ok_or_else(|| error::not_indexed(&bucket.name, filter))?;
    let mut sql = format!(" WHERE {condition}{order}");
    let mut add = |word: &str, number: u64| {
        parameters.push(Parameter::from(i64::try_from(number).unwrap_or(i64::MAX)));
        sql.extend([" ", word, " $", &parameters.len().to_string()]);
    };
    if !flag("noLimit") {
        add("LIMIT", number("limit").unwrap_or(DEFAULT_LIMIT));
    }
    add("OFFSET", number("offset").unwrap_or(0));
    Ok(Condition { sql, parameters })
}

/// The objects that a filter matches.
pub(super) async fn find(
    transaction: &mut Transaction,
    bucket: &Bucket,
    filter: &str,
    options: &Map<String, Value>,
) -> Result<Vec<Value>, ServerError> {
    let Condition { sql: rows, parameters } = matching(bucket, filter, options)?;
    let no_count = options.get("no_count").and_then(Value::as_bool).unwrap_or(false);
    let count = if no_count { "" } else { ", count(*) OVER () AS _count" };
    let sql = format!("SELECT {}{count} FROM {}{rows}", columns(bucket), bucket.name);
    let rows = transaction.query(&sql, &parameters).await?;
    let with_count = |row: &Row| {
        let mut object = object(bucket, row)?;
        if let (Some(object), Ok(count)) = (object.as_object_mut(), row.try_get::<_, i64>("_count"))
        {
            object.insert("_count".to_owned(), count.into());
        }
        Ok(object)
    };
    rows.iter().map(with_count).collect()
}

/// The clause for `{"attribute": "name", "order": "DESC"}`, or a list of such. `None` if it names no column.
fn order(bucket: &Bucket, sort: Option<&Value>) -> Option<String> {
    let Some(sort) = sort.filter(|sort| !sort.is_null()) else { return Some(String::new()) };
    let sorts = sort.as_array().map_or(std::slice::from_ref(sort), Vec::as_slice);
    let term = |sort: &Value| {
        let column = column(bucket, sort.get("attribute")?.as_str()?)?;
        let descending = sort.get("order").and_then(Value::as_str) == Some("DESC");
        Some(if descending { format!("{column} DESC") } else { column })
    };
    let terms: Option<Vec<String>> = sorts.iter().map(term).collect();
    terms.map(|terms| format!(" ORDER BY {}", terms.join(", ")))
}

fn columns(bucket: &Bucket) -> String {
    let mut columns = "_id, _txn_snap, _key, _value, _etag, _mtime".to_owned();
    for column in &bucket.index {
        columns += ", ";
        columns += &column.name();
    }
    columns
}

/// The object of a row. What columns have counts for more than the value's text.
fn object(bucket: &Bucket, row: &Row) -> Result<Value, ServerError> {
    let read = |error: tokio_postgres::Error| error::of_statement(&error);
    let text: &str = row.try_get("_value").map_err(read)?;
    let mut value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    for column in &bucket.index {
        let Some(members) = value.as_object_mut() else { break };
        let Cell(cell) = row.try_get(column.name().as_str()).map_err(read)?;
        let attribute = &column.attribute;
        if cell.is_null() {
            members.shift_remove(attribute);
        } else if !members.get(attribute).is_some_and(Value::is_array) {
            members.insert(attribute.clone(), cell);
        }
    }
    Ok(json!({
        "bucket": bucket.name,
        "key": row.try_get::<_, &str>("_key").map_err(read)?,
        "value": value,
        "_id": row.try_get::<_, Option<i64>>("_id").map_err(read)?,
        "_etag": row.try_get::<_, &str>("_etag").map_err(read)?,
        "_mtime": row.try_get::<_, Option<i64>>("_mtime").map_err(read)?,
        "_txn_snap": row.try_get::<_, Option<i32>>("_txn_snap").map_err(read)?,
        "_count": null,
    }))
}

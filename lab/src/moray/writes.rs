//! Writing objects: put, delete, and batches of these.

use std::time::{SystemTime, UNIX_EPOCH};

use moray_client::{ErrorName, ServerError};
use serde_json::{Map, Value, json};

use super::arguments::truthy;
use super::bucket::{Bucket, Column, Kind};
use super::error;
use super::etag::etag;
use super::transaction::Transaction;
use super::values::Parameter;

/// One write.
pub(super) struct Write<'a> {
    pub(super) bucket: &'a Bucket,
    pub(super) key: &'a str,
    /// `etag`, `headers`. Moray takes no notice of a `_value`.
    pub(super) options: &'a Map<String, Value>,
}

impl Write<'_> {
    /// Puts a value. Returns its etag.
    pub(super) async fn put(
        &self,
        transaction: &mut Transaction,
        value: &Value,
    ) -> Result<String, ServerError> {
        let before = self.etag_before(transaction).await?;
        self.check_etag(before.as_deref())?;
        let text = value.to_string();
        let etag = etag(&text);
        let mut parameters = vec![
            Parameter::from(self.key),
            Parameter::from(text.as_str()),
            Parameter::from(etag.as_str()),
            Parameter::from(now()),
            // Whether or not there was a row, and whatever vnode it had.
            value
                .get("vnode")
                .filter(|vnode| vnode.is_number())
                .map_or(Parameter::NULL, Parameter::from_json),
        ];
        for column in &self.bucket.index {
            parameters.push(cell(column, value.get(&column.attribute))?);
        }
        let sql = if before.is_some() { self.update() } else { self.insert() };
        transaction.query(&sql, &parameters).await?;
        if before.is_some() {
            self.log_deletion(transaction, Some(value)).await?;
        }
        Ok(etag)
    }

    /// Deletes the object. What was deleted is compared afterwards: a trigger of the table that refuses has the first
    /// word. An etag that JavaScript takes for none, such as `null`, is no condition.
    pub(super) async fn delete(&self, transaction: &mut Transaction) -> Result<(), ServerError> {
        let sql = format!("DELETE FROM {} WHERE _key = $1 RETURNING _etag", self.bucket.name);
        let rows = transaction.query(&sql, &[Parameter::from(self.key)]).await?;
        let Some(row) = rows.first() else {
            return Err(error::object_not_found(&self.bucket.name, self.key));
        };
        let etag = row.try_get("_etag").map_err(|error| error::of_statement(&error))?;
        let expected = self.options.get("etag").and_then(Value::as_str).unwrap_or_default();
        if !expected.is_empty() && expected != etag {
            return Err(error::etag_conflict(&self.bucket.name, self.key, expected, etag));
        }
        self.log_deletion(transaction, None).await
    }

    /// The etag of the object that is there. Its row stays as it is until the transaction ends.
    async fn etag_before(
        &self,
        transaction: &mut Transaction,
    ) -> Result<Option<String>, ServerError> {
        let sql = format!("SELECT _etag FROM {} WHERE _key = $1 FOR UPDATE", self.bucket.name);
        let rows = transaction.query(&sql, &[Parameter::from(self.key)]).await?;
        let etag = rows.first().map(|row| row.try_get("_etag")).transpose();
        etag.map_err(|error| error::of_statement(&error))
    }

    fn check_etag(&self, before: Option<&str>) -> Result<(), ServerError> {
        let expected = match self.options.get("etag") {
            None => return Ok(()),
            Some(expected) => expected.as_str(),
        };
        if expected == before {
            return Ok(());
        }
        let shown = |etag: Option<&str>| etag.unwrap_or("null").to_owned();
        Err(error::etag_conflict(&self.bucket.name, self.key, &shown(expected), &shown(before)))
    }

    fn insert(&self) -> String {
        let (mut columns, mut values) = (String::new(), String::new());
        for (number, column) in (6_usize..).zip(&self.bucket.index) {
            columns.extend([", ", &column.name()]);
            values.extend([", $".to_owned(), number.to_string()]);
        }
        let name = &self.bucket.name;
        format!(
            "INSERT INTO {name} (_key, _value, _etag, _mtime, _vnode{columns}) VALUES ($1, $2, $3, $4, $5{values})"
        )
    }

    fn update(&self) -> String {
        let mut columns = String::new();
        for (number, column) in (6_usize..).zip(&self.bucket.index) {
            columns.extend([format!(", {} = ${number}", column.name())]);
        }
        let name = &self.bucket.name;
        format!(
            "UPDATE {name} SET _value = $2, _etag = $3, _mtime = $4, _vnode = $5{columns} WHERE _key = $1"
        )
    }

    /// Does what the trigger `recordDeleteLog` does (its source for a real Moray: `record_delete_log.js`): when muskie gives the
    /// metadata of the object that is overwritten or deleted, they go to the delete log, or to the queue of fast deletes,
    /// unless the new value is of the same object.
    async fn log_deletion(
        &self,
        transaction: &mut Transaction,
        value: Option<&Value>,
    ) -> Result<(), ServerError> {
        let header = |name: &str| self.options.get("headers")?.get(name);
        let Some(previous) = header("x-muskie-prev-metadata").filter(|_| self.bucket.delete_log)
        else {
            return Ok(());
        };
        let Some(object) = previous.get("objectId").and_then(Value::as_str) else { return Ok(()) };
        if value.and_then(|value| value.get("objectId")).and_then(Value::as_str) == Some(object) {
            return Ok(());
        }
        let (now, text) = (now(), previous.to_string());
        let columns = |key: &str| {
            let etag = etag(&text);
            let texts = [key, text.as_str(), etag.as_str()].map(Parameter::from);
            texts.into_iter().chain([Parameter::from(now)])
        };
        let is_fast = header("x-muskie-snaplinks-disabled").is_some_and(truthy);
        let (sql, parameters): (_, Vec<Parameter>) = if is_fast {
            let sql = "INSERT INTO manta_fastdelete_queue (_key, _value, _etag, _mtime) VALUES ($1, $2, $3, $4)";
            (sql, columns(object).collect())
        } else {
            let sql = "INSERT INTO manta_delete_log (_key, _value, _etag, _mtime, objectid) VALUES ($1, $2, $3, $4, $5)";
            let key = format!("/{object}/{now}");
            (sql, columns(&key).chain([Parameter::from(object)]).collect())
        };
        transaction.query(sql, &parameters).await.map(drop)
    }
}

/// Tells whether a put failed because someone else put the same new key meanwhile. Then it is to be tried again, and finds it.
pub(super) fn lost_race(error: &ServerError) -> bool {
    error.name == ErrorName::UniqueAttribute && error.message.starts_with("\"_key\"")
}

/// The answer to a batch, of what was written: bucket, key, and etag unless it was deleted.
pub(super) fn batch_answer(written: Vec<(String, String, Option<String>)>) -> Value {
    let etags = written.into_iter().map(|(bucket, key, etag)| match etag {
        Some(etag) => json!({"bucket": bucket, "key": key, "etag": etag}),
        None => json!({"bucket": bucket, "key": key}),
    });
    json!({"etags": etags.collect::<Vec<_>>()})
}

/// The value that a column has of an attribute.
pub(super) fn cell(column: &Column, value: Option<&Value>) -> Result<Parameter, ServerError> {
    match value {
        None | Some(Value::Null) => Ok(Parameter::NULL),
        // Only one of several fits, and Moray takes the last.
        Some(Value::Array(values)) => cell(column, values.last()),
        Some(Value::Object(_)) => {
            let kind = serde_json::to_value(column.kind).unwrap_or(Value::Null);
            Err(error::invalid_index_type(&column.attribute, &kind))
        }
        Some(Value::Number(number)) if column.kind == Kind::Number => {
            let whole = number.as_f64().map(f64::trunc).map(|number| format!("{number}"));
            Ok(whole.map_or(Parameter::NULL, |whole| Parameter::from(whole.as_str())))
        }
        Some(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => {
            Ok(Parameter::from_json(value))
        }
    }
}

/// Milliseconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

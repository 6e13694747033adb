//! Errors of Moray, with their names and words.

use moray_client::{ErrorName, ServerError};
use serde_json::{Value, json};
use tokio_postgres::error::SqlState;

/// An error of JavaScript's class `Error`.
fn plain(words: &str) -> ServerError {
    ServerError::new(ErrorName::Other("Error".to_owned()), words)
}

/// The session broke under a statement, be it COMMIT: nobody knows what came of it.
pub(super) fn connection_terminated() -> ServerError {
    plain("Connection terminated")
}

/// The session was broken already.
pub(super) fn client_failed() -> ServerError {
    let words = "Postgres client failed: Connection terminated unexpectedly";
    ServerError::new(ErrorName::Other("VError".to_owned()), words)
}

/// No session was free for as long as a request waits, or too many wait.
pub(super) fn overloaded() -> ServerError {
    let words = "unable to acquire backend connection due to service being overloaded";
    ServerError::new(ErrorName::NoDatabasePeers, words)
}

/// No session could be made for as long as a request waits.
pub(super) fn no_backend() -> ServerError {
    plain("connect ECONNREFUSED")
}

/// A statement took longer than it may. PostgreSQL goes on with it.
pub(super) fn query_timeout(sql: &str) -> ServerError {
    ServerError::new(ErrorName::QueryTimeout, format!("query timeout: {sql}"))
}

pub(super) fn bucket_conflict(bucket: &str) -> ServerError {
    let words = format!("{bucket} was likely being concurrently updated");
    ServerError::new(ErrorName::BucketConflict, words)
}

pub(super) fn object_not_found(bucket: &str, key: &str) -> ServerError {
    ServerError::new(ErrorName::ObjectNotFound, format!("{bucket}::{key} does not exist"))
}

pub(super) fn bucket_not_found(bucket: &str) -> ServerError {
    ServerError::new(ErrorName::BucketNotFound, format!("{bucket} does not exist"))
}

pub(super) fn etag_conflict(bucket: &str, key: &str, expected: &str, actual: &str) -> ServerError {
    let words =
        format!("{bucket}::{key} was expected to have etag \"{expected}\", but was \"{actual}\"");
    let context = json!({"bucket": bucket, "key": key, "expected": expected, "actual": actual});
    ServerError::new(ErrorName::EtagConflict, words).with_context(context)
}

pub(super) fn invalid_query(filter: &str) -> ServerError {
    ServerError::new(ErrorName::InvalidQuery, format!("{filter} is an invalid filter"))
}

pub(super) fn not_indexed(bucket: &str, filter: &str) -> ServerError {
    let words = format!("{bucket} does not have indexes that support {filter}");
    ServerError::new(ErrorName::NotIndexed, words)
}

/// There is no field to be updated.
pub(super) fn field_update(fields: &Value) -> ServerError {
    let words = format!("{fields} is not a valid update definition");
    ServerError::new(ErrorName::FieldUpdate, words)
}

/// A field cannot be updated to nothing.
pub(super) fn not_nullable(attribute: &str, kind: &Value) -> ServerError {
    let kind = kind.as_str().unwrap_or_default();
    let words = format!("index \"{attribute}\" (of type \"{kind}\") cannot store null values");
    ServerError::new(ErrorName::Other("NotNullableError".to_owned()), words)
}

pub(super) fn invalid_index_type(attribute: &str, kind: &Value) -> ServerError {
    let words = format!("index({attribute}) is of type {}", kind.as_str().unwrap_or_default());
    ServerError::new(ErrorName::InvalidIndexType, words)
}

pub(super) fn not_supported() -> ServerError {
    plain("Operation not supported")
}

/// The error that a statement failed with, BEGIN and COMMIT among them.
pub(super) fn of_statement(error: &tokio_postgres::Error) -> ServerError {
    let Some(refusal) = error.as_db_error() else {
        let broke = error.is_closed() || is_io(error);
        return if broke { connection_terminated() } else { internal(error) };
    };
    match *refusal.code() {
        SqlState::UNIQUE_VIOLATION => {
            let (attribute, value) = unique(refusal.detail().unwrap_or_default());
            let words =
                format!("\"{attribute}\" is a unique attribute; value \"{value}\" already exists");
            ServerError::new(ErrorName::UniqueAttribute, words)
        }
        SqlState::SYNTAX_ERROR | SqlState::DUPLICATE_COLUMN => {
            ServerError::new(ErrorName::Internal, format!("Invalid SQL: {}", refusal.message()))
        }
        // As node-pg's errors are called. The SQLSTATE does not get through.
        _ => ServerError::new(ErrorName::Other("error".to_owned()), refusal.message()),
    }
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

fn internal(error: &tokio_postgres::Error) -> ServerError {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    ServerError::new(ErrorName::Internal, format!("{error}{}", cause.unwrap_or_default()))
}

/// Attribute and value of a detail such as `Key (_key)=(/a) already exists.`
fn unique(detail: &str) -> (&str, &str) {
    let inner =
        detail.strip_prefix("Key (").and_then(|rest| rest.strip_suffix(") already exists."));
    inner.and_then(|inner| inner.split_once(")=(")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_tell_both_etags() {
        let error = etag_conflict("manta", "/k", "null", "0BD4B551");
        let words =
            r#"EtagConflictError: manta::/k was expected to have etag "null", but was "0BD4B551""#;
        assert_eq!(error.to_string(), words);
        assert_eq!(error.context.unwrap()["actual"], "0BD4B551");
    }

    #[test]
    fn the_detail_of_a_violation_names_attribute_and_value() {
        assert_eq!(unique("Key (_key)=(/a) already exists."), ("_key", "/a"));
        assert_eq!(unique("something else"), ("", ""));
    }
}

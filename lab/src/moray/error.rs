//! Errors of Moray, with their names and words.

use moray_client::{ErrorName, ServerError};
use serde_json::{Value, json};
use tokio_postgres::error::SqlState;

pub(super) fn not_connected() -> ServerError {
    ServerError::new(ErrorName::NoDatabase, "Not connected to manatee and/or postgres")
}

pub(super) fn no_peers(why: &str) -> ServerError {
    ServerError::new(ErrorName::NoDatabasePeers, format!("no manatee peers available: {why}"))
}

pub(super) fn connect_timeout(milliseconds: u128) -> ServerError {
    ServerError::new(ErrorName::ConnectTimeout, format!("connect timeout after {milliseconds} ms"))
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

pub(super) fn invalid_index_type(attribute: &str, kind: &Value) -> ServerError {
    let words = format!("index({attribute}) is of type {}", kind.as_str().unwrap_or_default());
    ServerError::new(ErrorName::InvalidIndexType, words)
}

pub(super) fn not_supported() -> ServerError {
    ServerError::new(ErrorName::Other("Error".to_owned()), "Operation not supported")
}

/// What a statement failed with before the transaction was to be committed. If the session broke, nothing was done.
pub(super) fn of_statement(error: &tokio_postgres::Error) -> ServerError {
    let Some(refusal) = error.as_db_error() else {
        return if error.is_closed() || is_io(error) { not_connected() } else { internal(error) };
    };
    match *refusal.code() {
        SqlState::UNIQUE_VIOLATION => {
            let (attribute, value) = unique(refusal.detail().unwrap_or_default());
            let words =
                format!("\"{attribute}\" is a unique attribute; value \"{value}\" already exists");
            ServerError::new(ErrorName::UniqueAttribute, words)
        }
        SqlState::QUERY_CANCELED => ServerError::new(
            ErrorName::QueryTimeout,
            format!("query timeout: {}", refusal.message()),
        ),
        // The server is stopping: the session ends, and the transaction with it.
        SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW => {
            not_connected()
        }
        // As node-pg's errors are called.
        _ => ServerError::new(ErrorName::Other("error".to_owned()), refusal.message())
            .with_context(json!({"code": refusal.code().code()})),
    }
}

/// What COMMIT failed with. If the session broke, the transaction may have been committed nonetheless.
pub(super) fn of_commit(error: &tokio_postgres::Error) -> ServerError {
    match error.as_db_error() {
        Some(refusal) if *refusal.code() != SqlState::ADMIN_SHUTDOWN => of_statement(error),
        Some(_) | None => commit_unknown(),
    }
}

/// Nobody knows whether the transaction was committed.
pub(super) fn commit_unknown() -> ServerError {
    let words = "the connection to the database broke while the transaction was being committed";
    ServerError::new(ErrorName::Internal, words)
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

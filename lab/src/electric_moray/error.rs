//! Errors of electric-moray, with their names and words.

use moray_client::{Error, ErrorName, ServerError};
use serde_json::Value;

/// An error of JavaScript's class `Error`.
pub(super) fn plain(words: impl Into<String>) -> ServerError {
    ServerError::new(ErrorName::Other("Error".to_owned()), words)
}

pub(super) fn read_only_vnodes() -> ServerError {
    ServerError::new(ErrorName::ReadOnly, "some vnodes are in read-only mode")
}

pub(super) fn read_only_pnodes(pnodes: &[&str]) -> ServerError {
    let words = format!("pnode \"{}\" is in read-only mode", pnodes.join(", "));
    ServerError::new(ErrorName::ReadOnly, words)
}

pub(super) fn no_backends(pnode: &str) -> ServerError {
    let words = format!("no Moray is known of pnode \"{pnode}\"");
    ServerError::new(ErrorName::NoBackends, words)
}

/// The error that a client is told of a request that was passed on: what Moray says, in its own words, or why Moray did not
/// say anything.
pub(super) fn of_shard(error: Error) -> ServerError {
    let words = error.with_causes();
    let name = match error {
        Error::Server { source, .. } => return source,
        Error::Connect { .. } | Error::NotSent { .. } => ErrorName::PoolFailed,
        Error::TimedOut { sent: false, .. } => ErrorName::ClaimTimeout,
        Error::TimedOut { sent: true, .. } => ErrorName::Timeout,
        Error::Answer { .. } => ErrorName::FastProtocol,
        Error::Arguments { .. } | Error::RequestTooLong { .. } => ErrorName::FastRequest,
        // It may have been carried out, for all that is known; also of what a later version of the client adds.
        Error::Unanswered { .. } | _ => ErrorName::FastTransport,
    };
    ServerError::new(name, words)
}

/// The errors of several shards as one. `None` if there are none.
pub(super) fn all(errors: &[ServerError]) -> Option<ServerError> {
    let first = errors.first()?;
    let plural = if errors.len() == 1 { "" } else { "s" };
    let words = format!("first of {} error{plural}: {}", errors.len(), first.message);
    let single: Vec<Value> =
        errors.iter().filter_map(|error| serde_json::to_value(error).ok()).collect();
    let error = ServerError::new(ErrorName::Other("MultiError".to_owned()), words);
    Some(ServerError { ase_errors: Some(Box::new(single.into())), ..error })
}

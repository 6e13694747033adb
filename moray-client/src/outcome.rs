//! The meaning of a server's error for what was asked: whether it was done.

use crate::protocol::{ErrorName, ServerError};

/// The fate of a request that was answered with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was not carried out, and will not be the next time either.
    Refused,
    /// It was not carried out, but may be a while later.
    NotNow,
    /// Nobody knows.
    Unknown,
}

/// The texts with which electric-moray, under the name `Error`, answers requests that it does not pass on.
const REFUSALS: [&str; 5] = [
    "Invalid search request",
    "Invalid Token",
    "all requests must transform to the same key",
    "all batch requests must have",
    "Operation not supported",
];

impl Outcome {
    /// The outcome of a method that was answered with this. What is not known to say that nothing was done does not say
    /// it: Moray passes on the errors of every library below it, and says the same of a connection to PostgreSQL that broke
    /// during COMMIT as of one that broke before.
    pub(crate) fn of(method: &str, error: &ServerError) -> Self {
        match &error.name {
            ErrorName::ReadOnly
            | ErrorName::NoDatabase
            | ErrorName::NoDatabasePeers
            | ErrorName::ConnectTimeout
            | ErrorName::ClaimTimeout
            | ErrorName::NoBackends
            | ErrorName::PoolFailed
            | ErrorName::PoolStopping => Self::NotNow,
            // Moray gives the session up, and never says COMMIT. Only the text of `sql` can have a COMMIT of its own.
            ErrorName::QueryTimeout if method != "sql" => Self::NotNow,
            ErrorName::Invocation
            | ErrorName::Fast
            | ErrorName::ObjectNotFound
            | ErrorName::BucketNotFound
            | ErrorName::EtagConflict
            | ErrorName::UniqueAttribute
            | ErrorName::BucketConflict
            | ErrorName::BucketVersion
            | ErrorName::InvalidBucketConfig
            | ErrorName::InvalidBucketName
            | ErrorName::InvalidIndexType
            | ErrorName::InvalidQuery
            | ErrorName::NotIndexed
            | ErrorName::SchemaChange
            | ErrorName::FieldUpdate
            | ErrorName::NotFunction => Self::Refused,
            ErrorName::Internal if error.message.starts_with("Invalid SQL: ") => Self::Refused,
            ErrorName::QueryTimeout
            | ErrorName::Internal
            | ErrorName::FastTransport
            | ErrorName::FastProtocol
            | ErrorName::FastRequest
            | ErrorName::Timeout => Self::Unknown,
            ErrorName::Other(_) if error.is_of_read_only_transaction() => Self::NotNow,
            ErrorName::Other(name) => Self::in_words(name, &error.message),
        }
    }

    fn in_words(name: &str, message: &str) -> Self {
        match name {
            // PostgreSQL's own refusal, after which Moray rolls back; but not the last words of a session.
            "error" if !message.starts_with("terminating connection") => Self::Refused,
            "Error" if message == "connect ECONNREFUSED" => Self::NotNow,
            "Error"
                if REFUSALS.iter().any(|refusal| message.starts_with(refusal))
                    || message.ends_with("is not an allowed batch operation") =>
            {
                Self::Refused
            }
            // Also `MultiError`, for what went to several shards: those that it does not name have done it.
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &str, name: &str, message: &str) -> Outcome {
        Outcome::of(method, &ServerError::new(name.to_owned().into(), message))
    }

    #[test]
    fn a_broken_session_may_have_committed() {
        for (name, message) in [
            ("Error", "Connection terminated"),
            ("Error", "read ECONNRESET"),
            ("VError", "Postgres client failed: Connection terminated unexpectedly"),
            ("error", "terminating connection due to administrator command"),
            ("InternalError", "whatever"),
            ("MultiError", "first of 1 error: division by zero"),
            ("SomethingNewError", "whatever"),
            ("FastTransportError", "whatever"),
        ] {
            assert_eq!(of("putObject", name, message), Outcome::Unknown, "{name}: {message}");
        }
    }

    #[test]
    fn what_is_known_to_be_refused_is_known() {
        for (name, message) in [
            ("error", "vnode 42 is in read-only mode"),
            ("Error", "all requests must transform to the same key"),
            ("Error", "\"update\" is not an allowed batch operation"),
            ("InternalError", "Invalid SQL: syntax error at or near \"selec\""),
            ("EtagConflictError", ""),
        ] {
            assert_eq!(of("batch", name, message), Outcome::Refused, "{name}: {message}");
        }
        assert_eq!(of("putObject", "Error", "connect ECONNREFUSED"), Outcome::NotNow);
        let new_primary = "cannot execute SELECT FOR UPDATE in a read-only transaction";
        assert_eq!(of("putObject", "error", new_primary), Outcome::NotNow);
        assert_eq!(of("putObject", "QueryTimeoutError", "query timeout: x"), Outcome::NotNow);
        assert_eq!(of("sql", "QueryTimeoutError", "query timeout: x"), Outcome::Unknown);
    }
}

//! What the answer to a request means for what was asked.

use moray_client::{Error, ErrorName, NodeInfo};
use serde_json::Value;

use super::log::{Node, Outcome};

/// The SQLSTATE with which a guard in the database refuses the writes of a vnode that is being moved.
const GUARD: &str = "RS001";
/// The SQLSTATE of a write in a read-only transaction.
const READ_ONLY: &str = "25006";

/// What a failed write means. It is only called refused if it was certainly not done.
pub(super) fn failed_write(error: &Error) -> Outcome {
    let name = name(error);
    if is_certainly_not_done(error) {
        Outcome::Refused { error: name }
    } else {
        Outcome::Unknown { error: name }
    }
}

fn is_certainly_not_done(error: &Error) -> bool {
    // Every other error of the server, such as one of PostgreSQL, may be a connection that broke during the commit.
    let is_refusal = error.server_error().is_some_and(|error| {
        matches!(
            error.name,
            ErrorName::EtagConflict
                | ErrorName::ObjectNotFound
                | ErrorName::BucketNotFound
                | ErrorName::UniqueAttribute
                | ErrorName::Invocation
                | ErrorName::Fast
        )
    });
    let is_unsendable = matches!(error, Error::Arguments { .. } | Error::RequestTooLong { .. });
    is_refusal || is_unsendable || error.is_retryable() || is_of_guard(error) || is_read_only(error)
}

/// PostgreSQL's error 25006, `read_only_sql_transaction`: so it answers in the read-only window of a new primary. The statement
/// was not executed.
fn is_read_only(error: &Error) -> bool {
    error.server_error().is_some_and(|error| {
        let code = error.context.as_deref().and_then(|context| context.get("code"));
        code.and_then(Value::as_str) == Some(READ_ONLY)
    })
}

fn is_of_guard(error: &Error) -> bool {
    error.server_error().is_some_and(|error| {
        let has = |value: Option<&Value>| value.is_some_and(|it| it.to_string().contains(GUARD));
        let (context, info) = (error.context.as_deref(), error.info.as_deref());
        error.message.contains(GUARD) || has(context) || has(info)
    })
}

/// A short name of an error, for the log.
pub(super) fn name(error: &Error) -> String {
    let name = match error {
        Error::Server { .. } if is_of_guard(error) => GUARD,
        Error::Server { .. } if is_read_only(error) => READ_ONLY,
        Error::Server { source, .. } => source.name.as_str(),
        Error::Connect { .. } => "not connected",
        Error::NotSent { .. } => "not sent",
        Error::Unanswered { .. } => "connection broke",
        Error::TimedOut { sent: false, .. } => "timed out, not sent",
        Error::TimedOut { .. } => "timed out",
        Error::Answer { .. } => "unusable answer",
        Error::Arguments { .. } | Error::RequestTooLong { .. } => "not sendable",
        _ => "unknown error",
    };
    name.to_owned()
}

/// Where it was done. `None` also if the router tells of a vnode that no ring has.
pub(super) fn node(info: Option<NodeInfo>) -> Option<Node> {
    let NodeInfo { pnode, vnode, .. } = info?;
    Some(Node { pnode, vnode: u32::try_from(vnode).ok()? })
}

#[cfg(test)]
mod tests {
    use moray_client::ServerError;
    use serde_json::json;

    use super::*;

    fn outcome(name: ErrorName, message: &str) -> Outcome {
        let source = ServerError::new(name, message);
        failed_write(&Error::Server { method: "putObject".into(), source })
    }

    #[test]
    fn only_what_is_certainly_not_done_is_refused() {
        let refused = |name: &str| Outcome::Refused { error: name.into() };
        let unknown = |name: &str| Outcome::Unknown { error: name.into() };
        assert_eq!(outcome(ErrorName::ReadOnly, ""), refused("ReadOnlyError"));
        assert_eq!(outcome(ErrorName::EtagConflict, ""), refused("EtagConflictError"));
        assert_eq!(outcome(ErrorName::NoDatabasePeers, ""), refused("NoDatabasePeersError"));
        assert_eq!(outcome(ErrorName::Internal, ""), unknown("InternalError"));
        assert_eq!(outcome(ErrorName::FastTransport, ""), unknown("FastTransportError"));
        let postgres = || ErrorName::Other("error".into());
        assert_eq!(outcome(postgres(), "terminating connection"), unknown("error"));
        assert_eq!(outcome(postgres(), "RS001: vnode 5 is being moved"), refused("RS001"));
        let source = ServerError::new(postgres(), "no").with_context(json!({"code": "RS001"}));
        let error = Error::Server { method: "putObject".into(), source };
        assert_eq!(failed_write(&error), refused("RS001"));
        let coded = |code: &str| {
            let words = "cannot execute INSERT in a read-only transaction";
            let source = ServerError::new(postgres(), words).with_context(json!({"code": code}));
            failed_write(&Error::Server { method: "putObject".into(), source })
        };
        assert_eq!(coded("25006"), refused("25006"));
        assert_eq!(coded("25P02"), unknown("error"));
    }
}

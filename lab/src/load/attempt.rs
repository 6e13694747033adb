//! The meaning of the answer to a request for what was asked.

use moray_client::{Error, NodeInfo, ServerError};

use super::log::{Node, Outcome};

/// The mark, in the message, with which a guard in the database refuses the writes of a vnode that is being moved.
const GUARD: &str = "RS001";
/// The SQLSTATE of a write in a read-only transaction.
const READ_ONLY: &str = "25006";

/// The meaning of a failed write. It is only called refused if it was certainly not done.
pub(super) fn failed_write(error: &Error) -> Outcome {
    let name = name(error);
    if error.outcome_unknown() {
        Outcome::Unknown { error: name }
    } else {
        Outcome::Refused { error: name }
    }
}

fn is_read_only(error: &Error) -> bool {
    error.server_error().is_some_and(ServerError::is_of_read_only_transaction)
}

fn is_of_guard(error: &Error) -> bool {
    error.server_error().is_some_and(|error| error.message.contains(GUARD))
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

/// The place where it was done. `None` also if the router tells of a vnode that no ring has.
pub(super) fn node(info: Option<NodeInfo>) -> Option<Node> {
    let NodeInfo { pnode, vnode, .. } = info?;
    Some(Node { pnode, vnode: u32::try_from(vnode).ok()? })
}

#[cfg(test)]
mod tests {
    use moray_client::ErrorName;

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
        let words = "cannot execute INSERT in a read-only transaction";
        assert_eq!(outcome(postgres(), words), refused("25006"));
        let plain = || ErrorName::Other("Error".into());
        assert_eq!(outcome(plain(), "Connection terminated"), unknown("Error"));
        assert_eq!(outcome(plain(), "connect ECONNREFUSED"), refused("Error"));
    }
}

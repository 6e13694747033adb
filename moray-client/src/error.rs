//! The [`Error`] of a request, and what a caller wants to know of it.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::outcome::Outcome;
use crate::protocol::{ErrorName, FrameError, MessageError, MessageId, ServerError};

/// A request failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server answered with an error.
    #[error("{method} was refused")]
    Server {
        /// The method.
        method: String,
        /// The server's error.
        source: ServerError,
    },
    /// No connection could be made. Nothing was sent.
    #[error("{method} was not sent: no connection to {address}")]
    Connect {
        /// The method.
        method: String,
        /// The address.
        address: String,
        /// The cause.
        source: Arc<ConnectError>,
    },
    /// The connection broke before the request was sent.
    #[error("{method} was not sent: the connection to {address} broke")]
    NotSent {
        /// The method.
        method: String,
        /// The other side.
        address: String,
        /// The cause.
        source: Arc<ConnectionError>,
    },
    /// The connection broke between the request and the end of its answer. It may have been carried out.
    #[error(
        "{method} was sent, but the connection to {address} broke before all of the answer was there"
    )]
    Unanswered {
        /// The method.
        method: String,
        /// The other side.
        address: String,
        /// The cause.
        source: Arc<ConnectionError>,
    },
    /// The time for the request was over. If it had been sent, it may have been or yet be carried out.
    #[error(
        "{method} was not done within {after:?} ({state})",
        state = if *sent { "sent, but not or not wholly answered" } else { "not sent" }
    )]
    TimedOut {
        /// The method.
        method: String,
        /// The time that it had.
        after: Duration,
        /// True if it had been sent, or a part of it.
        sent: bool,
    },
    /// The answer was an answer, but not one to this method.
    #[error("the answer to {method} cannot be used")]
    Answer {
        /// The method.
        method: String,
        /// The problem with it.
        source: AnswerError,
    },
    /// The arguments have no JSON text. Nothing was sent.
    #[error("the arguments of {method} cannot be written as JSON")]
    Arguments {
        /// The method.
        method: String,
        /// The cause.
        source: serde_json::Error,
    },
    /// The request is longer than messages may be. Nothing was sent.
    #[error("{method} was not sent: it is too long")]
    RequestTooLong {
        /// The method.
        method: String,
        /// The error, with its length and the longest allowed.
        source: FrameError,
    },
}

/// The problem with an answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// It has a `null` where there must be a value.
    #[error("it has a null instead of a value")]
    Null,
    /// It has no value, or several, where there must be one.
    #[error("it has {0} values instead of one")]
    NotOne(usize),
    /// Its value is of another shape.
    #[error("its value is not of the expected shape")]
    Shape(#[source] serde_json::Error),
    /// More of it came than was taken.
    #[error("more than {max} bytes of it were waiting to be taken")]
    TooMuchWaiting {
        /// The most bytes that may wait.
        max: usize,
    },
}

/// A connection could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is unknown, or nobody answers there.
    #[error("connecting failed")]
    Failed(#[source] io::Error),
    /// It took too long.
    #[error("connecting took longer than {0:?}")]
    TimedOut(Duration),
}

/// A connection broke, for all its requests.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// Reading or writing failed.
    #[error("the connection failed")]
    Io(#[source] io::Error),
    /// The other side closed it, or it was closed because no one needed it any longer.
    #[error("the connection was closed")]
    Closed,
    /// The other side closed it in the middle of a message.
    #[error("the connection was closed after {0} bytes of a message")]
    Truncated(usize),
    /// The other side sent what is no frame.
    #[error("the other side does not speak the Fast protocol")]
    Frame(#[from] FrameError),
    /// The other side sent a frame that is no message.
    #[error("the other side does not speak the Fast protocol")]
    Message(#[from] MessageError),
    /// The other side answered a request that was not made.
    #[error("the other side answered message {0}, which is no request under way")]
    UnknownMessageId(MessageId),
}

impl Error {
    /// The server's answer, if it was an error.
    pub fn server_error(&self) -> Option<&ServerError> {
        match self {
            Self::Server { source, .. } => Some(source),
            Self::Connect { .. }
            | Self::NotSent { .. }
            | Self::Unanswered { .. }
            | Self::TimedOut { .. }
            | Self::Answer { .. }
            | Self::Arguments { .. }
            | Self::RequestTooLong { .. } => None,
        }
    }

    fn has_name(&self, names: &[ErrorName]) -> bool {
        self.server_error().is_some_and(|error| names.contains(&error.name))
    }

    /// Tells whether electric-moray takes no writes for the vnode or shard now.
    pub fn is_read_only(&self) -> bool {
        self.has_name(&[ErrorName::ReadOnly])
    }

    /// Tells whether the object's etag was not the one asked for: someone else changed, made or removed the object.
    pub fn is_etag_conflict(&self) -> bool {
        self.has_name(&[ErrorName::EtagConflict])
    }

    /// Tells whether the object or the bucket does not exist.
    pub fn is_not_found(&self) -> bool {
        self.has_name(&[ErrorName::ObjectNotFound, ErrorName::BucketNotFound])
    }

    /// Tells whether the server does not have the method: electric-moray has no `ping` and no `version`, Moray no
    /// `getTokens`.
    pub fn is_unsupported_method(&self) -> bool {
        self.server_error().is_some_and(ServerError::is_unsupported_method)
    }

    /// Tells whether Moray gave up on a statement that took longer than it may ([`PutOptions::timeout`] and so on, or Moray's
    /// own limit). PostgreSQL is not told: the statement goes on there with its locks, and is undone when it ends. The same
    /// request, repeated at once, may wait for those locks.
    ///
    /// [`PutOptions::timeout`]: crate::PutOptions::timeout
    pub fn is_query_timeout(&self) -> bool {
        self.has_name(&[ErrorName::QueryTimeout])
    }

    /// Tells whether the request was certainly not carried out, and the same request may succeed a while later: nothing was
    /// sent, or the server could not do it now. Writes can be repeated as well as reads.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::NotSent { .. } => true,
            Self::TimedOut { sent, .. } => !sent,
            Self::Server { method, source } => Outcome::of(method, source) == Outcome::NotNow,
            Self::Unanswered { .. }
            | Self::Answer { .. }
            | Self::Arguments { .. }
            | Self::RequestTooLong { .. } => false,
        }
    }

    /// Tells whether the request may have been carried out, or may yet be: it was sent, and no usable answer came, be it
    /// to this client, to electric-moray from the shard's Moray, or to Moray from PostgreSQL. So is every error of a
    /// server that is not known to mean that nothing was done. After a write, read to see.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Unanswered { .. } | Self::Answer { .. } => true,
            Self::TimedOut { sent, .. } => *sent,
            Self::Server { method, source } => Outcome::of(method, source) == Outcome::Unknown,
            Self::Connect { .. }
            | Self::NotSent { .. }
            | Self::Arguments { .. }
            | Self::RequestTooLong { .. } => false,
        }
    }

    /// The error and its causes in one line, for a log.
    pub fn with_causes(&self) -> String {
        with_causes(self)
    }
}

/// An error and its causes in one line.
pub(crate) fn with_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: ErrorName) -> Error {
        Error::Server { method: "putObject".into(), source: ServerError::new(name, "why") }
    }

    #[test]
    fn questions_about_server_errors() {
        assert!(server(ErrorName::ReadOnly).is_read_only());
        assert!(server(ErrorName::ReadOnly).is_retryable());
        assert!(!server(ErrorName::ReadOnly).outcome_unknown());
        assert!(server(ErrorName::EtagConflict).is_etag_conflict());
        assert!(!server(ErrorName::EtagConflict).is_retryable());
        assert!(server(ErrorName::ObjectNotFound).is_not_found());
        assert!(server(ErrorName::BucketNotFound).is_not_found());
        assert!(server(ErrorName::Other("error".into())).server_error().is_some());
        // The shard may have done it before electric-moray lost the connection.
        assert!(server(ErrorName::FastTransport).outcome_unknown());
        assert!(!server(ErrorName::FastTransport).is_retryable());
    }

    #[test]
    fn nothing_is_both_retryable_and_of_unknown_outcome() {
        let timed_out =
            |sent| Error::TimedOut { method: "sql".into(), after: Duration::from_secs(1), sent };
        let source = || Arc::new(ConnectionError::Closed);
        let (method, address) = (String::from("sql"), String::from("[::1]:2020"));
        let not_sent =
            Error::NotSent { method: method.clone(), address: address.clone(), source: source() };
        let unanswered = Error::Unanswered { method, address, source: source() };
        for (error, retryable, unknown) in [
            (timed_out(false), true, false),
            (timed_out(true), false, true),
            (not_sent, true, false),
            (unanswered, false, true),
        ] {
            assert_eq!((error.is_retryable(), error.outcome_unknown()), (retryable, unknown));
        }
    }

    #[test]
    fn causes_are_told_once_each() {
        let text = server(ErrorName::ReadOnly).with_causes();
        assert_eq!(text, "putObject was refused: ReadOnlyError: why");
    }
}

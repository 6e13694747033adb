//! The one error of every call.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use super::{AnswerKind, BaseUrl, Effect, Method, Size};

/// A call that failed.
///
/// Prints which call it was and what went wrong, never a secret; the cause is its `source()`. Ask it what to do:
/// [`is_not_found`](Self::is_not_found), [`is_retryable`](Self::is_retryable), [`outcome_unknown`](Self::outcome_unknown).
#[derive(Debug)]
pub struct Error(Box<Details>);

#[derive(Debug)]
struct Details {
    api: &'static str,
    base: BaseUrl,
    method: Method,
    path: String,
    request_id: String,
    effect: Effect,
    kind: ErrorKind,
    /// True if an earlier try of the call may have been done.
    unsettled: bool,
}

/// The problem with a call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// This client does not send it: it would do harm, or the server would misread it.
    #[error("not sent: {0}")]
    Refused(String),
    /// The file to be sent could not be read, or the one to be received not be written.
    #[error("the local file {path} failed")]
    LocalFile {
        /// The file.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// There was no connection. Nothing was sent, by the last try at least.
    #[error("cannot connect")]
    Connect(#[source] BoxError),
    /// The server's certificate is not trusted, or it speaks no TLS. Nothing was sent.
    #[error(
        "cannot speak TLS with the server; if its certificate is the matter, trust the authority that signed it"
    )]
    Tls(#[source] BoxError),
    /// The connection ended before the whole answer was there. SAPI and IMGAPI do this when they crash, and SAPI after
    /// two minutes of silence.
    #[error("the connection ended without a whole answer")]
    Cut(#[source] BoxError),
    /// There was no whole answer in time.
    #[error("no answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The answer is larger than is allowed; it was not read to its end.
    #[error("the answer is larger than the {size} that {kind} may have", size = Size(*.limit))]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
        /// The kind of answer that was asked for.
        kind: AnswerKind,
    },
    /// The server says that it did what was asked, but the answer is not what it should be.
    #[error(transparent)]
    Unreadable(Unreadable),
    /// The server refused or failed.
    #[error(transparent)]
    Server(ServerError),
}

/// A cause from another library.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// A successful answer that is not what it should be. Bodies are not quoted: they may hold secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// The body is not JSON by its `Content-Type`.
    #[error("the answer is {0}, not application/json: is this the right server?")]
    NotJsonType(String),
    /// The body should be JSON and is not.
    #[error("the answer is not JSON (at line {line}, column {column})")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The JSON ends before its end.
    #[error("the answer ends in the middle of its JSON")]
    CutOff,
    /// A member is missing or is something else than it should be.
    #[error("the answer is not as it should be: {place} {problem}")]
    Shape {
        /// The member, such as `[3].uuid`, or the whole answer.
        place: String,
        /// The problem.
        problem: String,
    },
    /// Two objects of a list have the same id and are not the same: the datacenter and its master disagree.
    #[error(
        "the answer holds two different objects {0}: this datacenter's SAPI and the master's disagree"
    )]
    Contradiction(String),
    /// A list that is read in pages did not get further, or had another length at its end than was announced.
    #[error("the list could not be read whole: {0}")]
    Listing(String),
    /// The digest of a downloaded file is not the announced one.
    #[error("the file has {what} {actual}, not {expected}")]
    Digest {
        /// `MD5`, `SHA-1`, or `size`.
        what: &'static str,
        /// The digest or size that was announced.
        expected: String,
        /// The digest or size that came.
        actual: String,
    },
}

/// The server's words about a call that it refused or that failed.
///
/// Every part but the status may be missing: SAPI answers some misses with an empty body, and plain exceptions with
/// nothing but a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// The HTTP status.
    pub status: u16,
    /// The error's name, such as `ResourceNotFound`.
    pub code: Option<String>,
    /// The server's message, in one line, without the secrets of the request, and with what a terminal would obey escaped.
    pub message: Option<String>,
    /// The fields that were refused.
    pub fields: Vec<FieldError>,
    /// True if there is a body that none of Triton's APIs would send: a proxy or another server answered.
    pub is_foreign: bool,
}

/// One refused field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FieldError {
    /// The field's name.
    pub field: Option<String>,
    /// The reason: `Invalid`, `Missing`, `MissingParameter`, `Duplicate`, `NotAllowed` ...
    pub code: Option<String>,
    /// The same in words.
    pub message: Option<String>,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server answered {}", self.status)?;
        if self.is_foreign {
            f.write_str(" in a way that Triton's APIs do not (a proxy, or another server?)")?;
        }
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if let Some(message) = self.message.as_deref().filter(|message| !message.is_empty()) {
            write!(f, ": {message}")?;
        }
        for error in &self.fields {
            let field = error.field.as_deref().unwrap_or("a field");
            write!(f, "; {field}: {}", error.code.as_deref().unwrap_or("refused"))?;
            if let Some(message) = &error.message {
                write!(f, " ({message})")?;
            }
        }
        Ok(())
    }
}

impl StdError for ServerError {}

impl Error {
    pub(crate) fn new(context: &Context<'_>, kind: ErrorKind) -> Self {
        Self(Box::new(Details {
            api: context.api,
            base: context.base.clone(),
            method: context.method,
            path: context.path.to_owned(),
            request_id: context.request_id.to_owned(),
            effect: context.effect,
            kind,
            unsettled: false,
        }))
    }

    /// The same, where it may be that an earlier try of the call was done.
    pub(crate) fn after(mut self, unsettled: bool) -> Self {
        self.0.unsettled |= unsettled;
        self
    }

    /// The problem.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The API that was called, such as `SAPI`.
    pub fn api(&self) -> &'static str {
        self.0.api
    }

    /// The address of the server that was called.
    pub fn base(&self) -> &BaseUrl {
        &self.0.base
    }

    /// The `x-request-id` that was sent: the server's log has it too.
    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// The server's answer, if there was one.
    pub fn server(&self) -> Option<&ServerError> {
        match self.kind() {
            ErrorKind::Server(error) => Some(error),
            ErrorKind::Refused(_)
            | ErrorKind::LocalFile { .. }
            | ErrorKind::Connect(_)
            | ErrorKind::Tls(_)
            | ErrorKind::Cut(_)
            | ErrorKind::Timeout(_)
            | ErrorKind::TooLarge { .. }
            | ErrorKind::Unreadable(_) => None,
        }
    }

    /// The HTTP status of the server's error.
    pub fn status(&self) -> Option<u16> {
        self.server().map(|error| error.status)
    }

    /// The name of the server's error, such as `ValidationFailed`.
    pub fn code(&self) -> Option<&str> {
        self.server()?.code.as_deref()
    }

    /// The server's words.
    pub fn message(&self) -> Option<&str> {
        self.server()?.message.as_deref()
    }

    /// The fields that the server refused.
    pub fn field_errors(&self) -> &[FieldError] {
        self.server().map_or(&[], |error| &error.fields)
    }

    /// Tells whether the thing that was asked for does not exist.
    ///
    /// That is a 404, with or without a body, and the 500 with which SAPI answers a PUT to an unknown UUID. It is not the
    /// 404 of a server that does not know the *path*, which is another server than was meant.
    pub fn is_not_found(&self) -> bool {
        self.server().is_some_and(|error| {
            let message = error.message.as_deref().unwrap_or_default();
            let knows_no_path =
                message.strip_suffix(" does not exist") == Some(self.0.path.as_str());
            let put_of_nothing = message.starts_with("updateObject failed: no record for bucket");
            (error.status == 404 && !error.is_foreign && !knows_no_path)
                || (error.status == 500 && error.code.is_none() && put_of_nothing)
        })
    }

    /// Tells whether it is the server that fails, whatever it is asked: it cannot be reached, does not answer in time, answers
    /// with a status of 500 and above, or is not the server that was meant. A file or an object that is wrong by itself is none
    /// of that, and neither is one that is not there.
    pub fn is_of_the_server(&self) -> bool {
        match self.kind() {
            ErrorKind::Connect(_)
            | ErrorKind::Tls(_)
            | ErrorKind::Cut(_)
            | ErrorKind::Timeout(_)
            | ErrorKind::TooLarge { .. } => true,
            // One file or one object that is wrong is an answer.
            ErrorKind::Unreadable(unreadable) => {
                !matches!(unreadable, Unreadable::Digest { .. } | Unreadable::Contradiction(_))
            }
            ErrorKind::Server(error) => error.status >= 500 || error.is_foreign,
            ErrorKind::Refused(_) | ErrorKind::LocalFile { .. } => false,
        }
    }

    /// Tells whether the same call may be made again and may then succeed.
    ///
    /// True where nothing was sent, and for passing troubles (503, a lost connection, a timeout) of calls that are safe
    /// to repeat: reads, and writes that have the same effect twice as once. The client has already tried as long as its
    /// [`Retry`](crate::Retry) says.
    pub fn is_retryable(&self) -> bool {
        let repeatable = self.0.effect != Effect::Once;
        match self.kind() {
            ErrorKind::Connect(_) => true,
            ErrorKind::Cut(_)
            | ErrorKind::Timeout(_)
            | ErrorKind::Unreadable(Unreadable::CutOff) => repeatable,
            ErrorKind::Server(error) => {
                repeatable && matches!(error.status, 408 | 429 | 502 | 503 | 504)
            }
            ErrorKind::Refused(_)
            | ErrorKind::LocalFile { .. }
            | ErrorKind::Tls(_)
            | ErrorKind::TooLarge { .. }
            | ErrorKind::Unreadable(_) => false,
        }
    }

    /// Tells whether the server may have done, or may still be doing, what was asked, though there is no good answer.
    ///
    /// That may also be due to an earlier try of a call that was repeated, whatever became of the last one. Look at the
    /// state of things before anything else is done. Never true for reads.
    pub fn outcome_unknown(&self) -> bool {
        let by_last_try = match self.kind() {
            ErrorKind::Cut(_)
            | ErrorKind::Timeout(_)
            | ErrorKind::TooLarge { .. }
            | ErrorKind::Unreadable(_) => true,
            ErrorKind::Server(error) => matches!(error.status, 408 | 502 | 504),
            ErrorKind::Refused(_)
            | ErrorKind::LocalFile { .. }
            | ErrorKind::Connect(_)
            | ErrorKind::Tls(_) => false,
        };
        self.0.effect != Effect::Read && (by_last_try || self.0.unsettled)
    }
}

/// The call that an error is about.
pub(crate) struct Context<'a> {
    pub(crate) api: &'static str,
    pub(crate) base: &'a BaseUrl,
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) effect: Effect,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { api, base, method, path, request_id, kind, .. } = &*self.0;
        write!(f, "{api}: {method} {base}{path}: {kind} [request {request_id}]")?;
        if self.outcome_unknown() {
            f.write_str("; whether it was done is unknown")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.kind.source()
    }
}

#[cfg(test)]
mod tests;

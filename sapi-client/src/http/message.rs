//! A request as data, the server's answer as data, and a [`Call`]: a request with what its answer means.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use url::form_urlencoded;

use crate::http::error::ErrorKind;
use crate::http::{AnswerKind, Unreadable, answer};
use crate::secret::Secrets;

/// An HTTP method that the Triton APIs use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
}

impl Method {
    /// The method's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The effect of repeating a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It changes nothing.
    Read,
    /// Done twice it has the effect of once.
    Idempotent,
    /// It must not be repeated blindly.
    Once,
}

/// An HTTP request, complete but for the server's address and the request id.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Bytes>,
    pub(crate) effect: Effect,
    pub(crate) timeout: Option<Duration>,
    pub(crate) answer: AnswerKind,
    pub(crate) secrets: Secrets,
}

impl Request {
    pub(crate) fn new(method: Method, effect: Effect, path: impl Into<String>) -> Self {
        let headers = vec![("accept", "application/json".to_owned())];
        Self {
            method,
            path: path.into(),
            headers,
            body: None,
            effect,
            timeout: None,
            answer: AnswerKind::Object,
            secrets: Secrets::default(),
        }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::Get, Effect::Read, path)
    }

    /// Adds query parameters. Those without a value are left out: an empty value means "no filter" to SAPI.
    pub(crate) fn query<'a>(
        mut self,
        parameters: impl IntoIterator<Item = (&'a str, Option<String>)>,
    ) -> Self {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (key, value) in parameters {
            if let Some(value) = value {
                query.append_pair(key, &value);
            }
        }
        let query = query.finish();
        if !query.is_empty() {
            self.path.push(if self.path.contains('?') { '&' } else { '?' });
            self.path.push_str(&query);
        }
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sets a JSON body. With any other `Content-Type` SAPI would ignore it and answer 200.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        // Bodies are maps with text keys and numbers, which always serialize; a failure would be sent as null.
        let body = serde_json::to_value(body).unwrap_or_default();
        self.secrets = Secrets::of(&body);
        self.body = Some(body.to_string().into());
        self.header("content-type", "application/json")
    }

    /// The longest time that the whole call may take, where it is not the client's usual one.
    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets what the answer holds, where that is not one object.
    pub(crate) fn answer(mut self, kind: AnswerKind) -> Self {
        self.answer = kind;
        self
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Path and query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The headers, names in lower case. Those that the transport adds (`host`, `content-length`) are not among them.
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    /// The body, secrets included.
    pub fn body(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }

    /// The effect of repeating the request.
    pub fn effect(&self) -> Effect {
        self.effect
    }
}

/// Shows no body.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body.as_ref().map_or(0, Bytes::len);
        write!(f, "{} {} ({:?}, {body} bytes of body)", self.method, self.path, self.effect)
    }
}

/// A server's whole answer.
#[derive(Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, in any case.
    pub headers: Vec<(String, String)>,
    /// The body, decoded from chunks.
    pub body: Bytes,
}

impl Answer {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }
}

/// Shows no body.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes of body)", self.status, self.body.len())
    }
}

/// A request and how its answer is read: all that a client knows about a call but the wire.
///
/// Built by the functions in the modules `request`; a client runs it. Without a client:
///
/// ```
/// use sapi_client::{Answer, sapi};
///
/// let call = sapi::request::get_mode();
/// assert_eq!(call.request().path(), "/mode");
/// let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
/// let answer = Answer { status: 200, headers, body: "\"full\"".into() };
/// assert_eq!(call.read(&answer).unwrap(), sapi::Mode::Full);
/// ```
pub struct Call<A> {
    pub(crate) request: Request,
    pub(crate) read: fn(&Answer) -> Result<A, Unreadable>,
}

impl<A> Call<A> {
    pub(crate) fn new(request: Request, read: fn(&Answer) -> Result<A, Unreadable>) -> Self {
        Self { request, read }
    }

    /// The request.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The same with another limit to the time of one try, from connecting to the end of the answer. What the server
    /// was asked to do goes on when the client gives up.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.request.timeout = Some(limit);
        self
    }

    /// The meaning of the answer.
    ///
    /// # Errors
    ///
    /// The server's error, whatever its body looks like, or what is wrong with a successful answer.
    pub fn read(&self, answer: &Answer) -> Result<A, ErrorKind> {
        if (200..300).contains(&answer.status) || (answer.status == 304 && self.is_conditional()) {
            (self.read)(answer).map_err(ErrorKind::Unreadable)
        } else {
            Err(ErrorKind::Server(answer::server_error(answer, &self.request.secrets)))
        }
    }

    fn is_conditional(&self) -> bool {
        self.request.headers.iter().any(|(name, _)| *name == "if-none-match")
    }
}

impl<A> fmt::Debug for Call<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.request.fmt(f)
    }
}

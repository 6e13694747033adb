//! The answers of an API.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::{Map, Value};

/// An answer: a response, or the end of the connection without one.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Body,
    /// Made by the router: such answers lack the headers that an API's own have.
    pub(super) bare: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Empty,
    Json(Value),
    Bytes(Bytes),
    /// No response at all.
    Cut,
}

impl Answer {
    fn new(status: StatusCode, body: Body) -> Self {
        Self { status, headers: Vec::new(), body, bare: false }
    }

    /// A value as JSON. What cannot be JSON is answered as 500.
    pub(crate) fn json(status: StatusCode, value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_value(value) {
            Ok(value) => Self::new(status, Body::Json(value)),
            Err(error) => Self::message(error.to_string()),
        }
    }

    /// A status alone.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self::new(status, Body::Empty)
    }

    /// Bytes of a type.
    pub(crate) fn bytes(status: StatusCode, content_type: &'static str, body: Bytes) -> Self {
        Self::new(status, Body::Bytes(body)).with_header("content-type", content_type)
    }

    /// An error with a code: `{"code": .., "message": ..}`.
    pub(crate) fn error(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let mut body = Map::new();
        body.insert("code".to_owned(), code.into());
        body.insert("message".to_owned(), Value::String(message.into()));
        Self::new(status, Body::Json(Value::Object(body)))
    }

    /// An error that only has words: 500 `{"message": ..}`, what restify makes of any exception.
    pub(crate) fn message(message: impl Into<String>) -> Self {
        let mut body = Map::new();
        body.insert("message".to_owned(), Value::String(message.into()));
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Body::Json(Value::Object(body)))
    }

    /// The end of the connection without a response: what a client sees of a process that ends.
    pub(crate) fn cut() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Body::Cut)
    }

    /// The same, with `errors`, the list of fields that were wrong. Only for errors.
    #[must_use]
    pub(crate) fn with_errors(mut self, errors: Value) -> Self {
        if let Body::Json(Value::Object(body)) = &mut self.body {
            body.insert("errors".to_owned(), errors);
        }
        self
    }

    /// The same, with a header. A value that no header can have is left out.
    #[must_use]
    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((HeaderName::from_static(name), value));
        }
        self
    }

    pub(super) fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    /// The status. Of a cut connection it means nothing.
    #[cfg(test)]
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The body where it is JSON.
    #[cfg(test)]
    pub(crate) fn value(&self) -> Option<&Value> {
        match &self.body {
            Body::Json(value) => Some(value),
            Body::Empty | Body::Bytes(_) | Body::Cut => None,
        }
    }
}

//! The [`Message`]: what a frame's payload says.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Frame, MessageId, ServerError, Status, Version};

/// The content of a frame: a request, or a part of the answer to one.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The version of the protocol.
    pub version: Version,
    /// The request that it belongs to.
    pub id: MessageId,
    /// The method, `m.name`. Only in requests is it of use; answers to requests that had none have none.
    pub method: Option<String>,
    /// The time at which it was sent, `m.uts`: microseconds since 1970. Nothing depends on it.
    pub sent_at: Option<u64>,
    /// Its content.
    pub body: Body,
}

/// The content of a message for its request.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// From a client: a request with these arguments. From a server: a part of the answer.
    Data(Vec<Value>),
    /// The answer ends. Old servers put the last part of it in here.
    End(Vec<Value>),
    /// The request failed. Old clients send it too, to say that they no longer want an answer.
    Error(ServerError),
}

/// A payload that is no message. The connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The payload is not JSON, or no object.
    #[error("the payload of message {id} is not a JSON object")]
    Json {
        /// The message.
        id: MessageId,
        /// The problem.
        source: serde_json::Error,
    },
    /// The member `d` of a data or end message is not an array.
    #[error("d is not an array in message {id}")]
    NotAnArray {
        /// The message.
        id: MessageId,
    },
    /// The member `d` of an error message does not have a name and a message.
    #[error("d is not an object with strings name and message in error message {id}")]
    BadError {
        /// The message.
        id: MessageId,
        /// The problem.
        source: serde_json::Error,
    },
}

#[derive(Serialize)]
struct Sent<'a, D> {
    m: Metadata<'a>,
    d: D,
}

#[derive(Serialize)]
struct Metadata<'a> {
    uts: Option<u64>,
    name: Option<&'a str>,
}

impl Message {
    /// Reads a frame's payload.
    ///
    /// # Errors
    /// The payload is no message.
    pub fn from_frame(frame: &Frame) -> Result<Self, MessageError> {
        let Frame { version, status, id, payload } = frame;
        let (version, id) = (*version, *id);
        let mut object: Map<String, Value> =
            serde_json::from_str(payload).map_err(|source| MessageError::Json { id, source })?;
        let m = object.remove("m").unwrap_or_default();
        let d = object.remove("d").unwrap_or_default();
        let array = |d| match d {
            Value::Array(values) => Ok(values),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => Err(MessageError::NotAnArray { id }),
        };
        let body = match status {
            Status::Data => Body::Data(array(d)?),
            Status::End => Body::End(array(d)?),
            Status::Error => Body::Error(
                serde_json::from_value(d)
                    .and_then(|d: Map<_, _>| serde_json::from_value(Value::Object(d)))
                    .map_err(|source| MessageError::BadError { id, source })?,
            ),
        };
        // node-fast does not look at m in answers, and answers badly made requests with an error: so m may be anything.
        let method = m.get("name").and_then(Value::as_str).map(str::to_owned);
        let sent_at = m.get("uts").and_then(Value::as_u64);
        Ok(Self { version, id, method, sent_at, body })
    }

    /// The frame that says this.
    ///
    /// # Errors
    /// None in practice: every value has a JSON text.
    pub fn to_frame(&self) -> Result<Frame, serde_json::Error> {
        let m = Metadata { uts: self.sent_at, name: self.method.as_deref() };
        let (status, payload) = match &self.body {
            Body::Data(values) => (Status::Data, payload(m, values)?),
            Body::End(values) => (Status::End, payload(m, values)?),
            Body::Error(error) => (Status::Error, payload(m, error)?),
        };
        Ok(Frame { version: self.version, status, id: self.id, payload })
    }
}

/// The payload of a request.
pub(crate) fn request_payload(
    method: &str,
    sent_at: u64,
    args: &[Value],
) -> Result<String, serde_json::Error> {
    payload(Metadata { uts: Some(sent_at), name: Some(method) }, args)
}

fn payload<D: Serialize>(m: Metadata<'_>, d: D) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Sent { m, d })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(status: Status, payload: &str) -> Result<Message, MessageError> {
        let payload = payload.to_owned();
        Message::from_frame(&Frame { version: Version::V2, status, id: MessageId::FIRST, payload })
    }

    #[test]
    fn metadata_may_be_anything() {
        for m in ["", r#""m":null,"#, r#""m":7,"#, r#""m":{"name":null,"uts":-1.5},"#] {
            let message = message(Status::End, &format!("{{{m}\"d\":[]}}")).unwrap();
            assert_eq!((message.method, message.sent_at), (None, None));
        }
    }

    #[test]
    fn data_must_be_an_array_and_an_error_have_name_and_message() {
        for payload in ["", "nonsense", "null", "[]", "[{},[]]", r#"{"m":{},"d":[]"#] {
            assert!(matches!(message(Status::Data, payload), Err(MessageError::Json { .. })));
        }
        for d in ["null", "{}", "1", r#""[]""#, "true"] {
            let payload = format!(r#"{{"m":{{}},"d":{d}}}"#);
            assert!(matches!(
                message(Status::Data, &payload),
                Err(MessageError::NotAnArray { .. })
            ));
            assert!(matches!(message(Status::End, &payload), Err(MessageError::NotAnArray { .. })));
        }
        for d in ["null", r#"["E",""]"#, "{}", r#"{"name":"E"}"#, r#"{"name":1,"message":""}"#] {
            let payload = format!(r#"{{"m":{{}},"d":{d}}}"#);
            assert!(matches!(message(Status::Error, &payload), Err(MessageError::BadError { .. })));
        }
    }

    #[test]
    fn a_message_without_d_is_refused() {
        assert!(matches!(message(Status::Data, "{}"), Err(MessageError::NotAnArray { .. })));
        assert!(matches!(message(Status::Error, "{}"), Err(MessageError::BadError { .. })));
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let payload = format!(r#"{{"d":{}"#, "[".repeat(100_000));
        assert!(matches!(message(Status::Data, &payload), Err(MessageError::Json { .. })));
    }
}

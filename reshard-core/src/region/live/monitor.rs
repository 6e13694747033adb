//! The status of Manta's processes, as they tell it themselves over HTTP.

use std::time::Duration;

use bytes::BytesMut;
use sapi_client::{AnswerBody, Method, Outgoing, OutgoingBody, Transport, TransportError};
use serde::de::DeserializeOwned;

use crate::region::transport::AnyTransport;

/// The longest that an answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A process did not tell of itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MonitorError {
    /// It does not answer.
    #[error("{url} does not answer")]
    Unreachable {
        /// The URL.
        url: String,
        /// The cause.
        source: TransportError,
    },
    /// It answers something else.
    #[error("{url} {problem}")]
    Unexpected {
        /// The URL.
        url: String,
        /// The problem with the answer.
        problem: String,
    },
}

/// Asks a process for a JSON document of at most `max_bytes` bytes.
pub(crate) async fn get_json<T: DeserializeOwned>(
    http: &AnyTransport,
    url: &str,
    max_bytes: usize,
) -> Result<T, MonitorError> {
    let unreachable = |source| MonitorError::Unreachable { url: url.to_owned(), source };
    let odd = |problem: String| MonitorError::Unexpected { url: url.to_owned(), problem };
    let request = Outgoing {
        method: Method::Get,
        url: url.to_owned(),
        headers: vec![("accept", "application/json".to_owned())],
        body: OutgoingBody::Empty,
    };
    let asked = async {
        let mut incoming = http.send(request).await.map_err(unreachable)?;
        let mut body = BytesMut::new();
        while let Some(chunk) = incoming.body.chunk().await.map_err(unreachable)? {
            if body.len().saturating_add(chunk.len()) > max_bytes {
                return Err(odd(format!("answers with more than {max_bytes} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        if incoming.status != 200 {
            return Err(odd(format!("answers {}", incoming.status)));
        }
        serde_json::from_slice(&body)
            .map_err(|error| odd(format!("answers what is not understood: {error}")))
    };
    let slow = |_| {
        let problem = format!("no answer within {} s", TIMEOUT.as_secs());
        unreachable(TransportError::Broken(problem.into()))
    };
    tokio::time::timeout(TIMEOUT, asked).await.map_err(slow)?
}

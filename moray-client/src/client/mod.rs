//! The [`Client`]: requests by name of the method.

mod connection;
mod options;
mod pool;
mod requests;
mod responses;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use serde_json::Value;
use tokio::time::Instant;

pub use self::options::ClientOptions;
use self::pool::{Pool, PoolError};
use self::responses::Call;
pub use self::responses::{Nulls, Responses};
use crate::error::Error;
use crate::protocol::{Frame, FrameError, MessageId, Status, Version, request_payload};

/// A client of one Moray, electric-moray, or load balancer in front of several.
///
/// It connects when a request needs it, shares its connections among any number of requests, and connects again when
/// they break. Clones share the connections. It must be used within a Tokio runtime.
///
/// Requests are never repeated by themselves once they may have been sent:
/// [`Error::is_retryable`] and [`Error::outcome_unknown`] tell what a caller can do.
#[derive(Clone, Debug)]
pub struct Client {
    pool: Arc<Pool>,
    timeout: Duration,
    version: Version,
    max_payload: usize,
}

impl Client {
    /// A client of the server at this address, such as `10.0.0.1:2020` or `1.moray.example.com:2020`. A name is looked
    /// up whenever a connection is made. Nothing is connected yet.
    pub fn new(address: impl Into<String>, options: ClientOptions) -> Self {
        let ClientOptions { request_timeout: timeout, version, max_payload, .. } = options;
        Self { pool: Arc::new(Pool::new(address.into(), options)), timeout, version, max_payload }
    }

    /// The same client, whose requests may take so long.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// The server's address.
    pub fn address(&self) -> &str {
        self.pool.address()
    }

    /// Makes a request of any method, for those that this crate has no function of.
    ///
    /// ```no_run
    /// # async fn list(client: &moray_client::Client) -> Result<(), moray_client::Error> {
    /// use moray_client::Nulls;
    /// use serde_json::json;
    ///
    /// let options = json!({"req_id": "c1a1e1b2-5c1e-4b6f-8a53-1f7e2b8f1133"});
    /// let buckets = client.call("listBuckets", &[options], Nulls::Refuse).await?.all().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// There is no connection, or the request is too long. Everything else the answer tells.
    pub async fn call(
        &self,
        method: &str,
        args: &[Value],
        nulls: Nulls,
    ) -> Result<Responses, Error> {
        // A timeout too great for the clock is as good as ten years.
        let ten_years = Duration::from_hours(87_600);
        let deadline = Instant::now() + self.timeout.min(ten_years);
        let name = || method.to_owned();
        let sent_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let sent_at = u64::try_from(sent_at).unwrap_or_default();
        let payload = request_payload(method, sent_at, args)
            .map_err(|source| Error::Arguments { method: name(), source })?;
        if payload.len() > self.max_payload {
            let source = FrameError::TooLong { length: payload.len(), max: self.max_payload };
            return Err(Error::RequestTooLong { method: name(), source });
        }
        let (version, status, id) = (self.version, Status::Data, MessageId::FIRST);
        let mut frame = Frame { version, status, id, payload };
        loop {
            let connection = self.pool.get(deadline).await.map_err(|error| match error {
                PoolError::Connect(source) => {
                    Error::Connect { method: name(), address: self.address().to_owned(), source }
                }
                PoolError::TimedOut => {
                    Error::TimedOut { method: name(), after: self.timeout, sent: false }
                }
            })?;
            // It may have broken since it was chosen. Then the pool knows, and connects again.
            let Ok(started) = connection.start() else { continue };
            frame.id = started.id;
            let mut bytes = BytesMut::new();
            let call = Call { method: name(), nulls, timeout: self.timeout, deadline };
            let mut responses = Responses::new(connection, started, call);
            frame
                .encode(&mut bytes)
                .map_err(|source| Error::RequestTooLong { method: name(), source })?;
            tracing::trace!(method, id = frame.id.get(), address = self.address(), "request");
            responses.send(bytes.freeze()).await?;
            return Ok(responses);
        }
    }
}

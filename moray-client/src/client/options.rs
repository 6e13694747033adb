//! The options that a [`Client`](super::Client) is given once.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::protocol::{DEFAULT_MAX_PAYLOAD, Version};

/// The options with which a client connects and waits.
///
/// ```
/// use std::time::Duration;
/// use moray_client::ClientOptions;
///
/// let options = ClientOptions { request_timeout: Duration::from_secs(2), ..Default::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// The most connections that there are. Each carries any number of requests at once. Default: 2.
    pub connections: NonZeroUsize,
    /// The longest that a request may take from the call to the end of the answer, connecting included. Default: 30 s.
    pub request_timeout: Duration,
    /// The longest that one attempt to connect may take. Default: 4 s.
    pub connect_timeout: Duration,
    /// The longest that a request waits while no connection can be made; attempts are repeated. Zero means that one failed
    /// attempt is enough. Default: 10 s.
    pub connect_patience: Duration,
    /// The shortest wait after a failed attempt to connect; it doubles each time, and is then lengthened at random by
    /// up to as much again. Default: 50 ms.
    pub backoff_min: Duration,
    /// The longest that this wait grows to. Default: 5 s.
    pub backoff_max: Duration,
    /// The longest message that is sent or received, in bytes. A longer one from the server breaks the connection.
    /// Default: 16 MiB.
    pub max_payload: usize,
    /// The most bytes of an answer that may wait for [`Responses::next`](super::Responses::next). Beyond, the request
    /// fails; other requests of the connection are not held up. Default: 64 MiB.
    pub max_waiting_bytes: usize,
    /// The version of the protocol. Default: 2.
    pub version: Version,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connections: NonZeroUsize::MIN.saturating_add(1),
            request_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(4),
            connect_patience: Duration::from_secs(10),
            backoff_min: Duration::from_millis(50),
            backoff_max: Duration::from_secs(5),
            max_payload: DEFAULT_MAX_PAYLOAD,
            max_waiting_bytes: 64 * 1024 * 1024,
            version: Version::default(),
        }
    }
}

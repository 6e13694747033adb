//! The options of connecting to ZooKeeper.

use std::time::Duration;

/// The options of connecting.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// The time that the servers keep the session, and what is ephemeral in it, without hearing from this client. Default: 30
    /// seconds. The servers have the last word.
    pub session_timeout: Duration,
    /// The time to wait for the answer to one operation, and for a session in the beginning. Default: 10 seconds.
    pub operation_timeout: Duration,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            session_timeout: Duration::from_secs(30),
            operation_timeout: Duration::from_secs(10),
        }
    }
}

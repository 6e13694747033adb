//! Sessions that nothing keeps alive.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::ZooKeeperError;
use crate::wire::Op;

/// A session that makes transactions, and that nobody keeps alive in between: if this process dies, or only stops, the servers
/// end it within its timeout, and what was made ephemeral in it is gone. It ends with this.
pub struct BriefSession(Box<dyn BriefConnection>);

/// The operations of a brief session.
#[async_trait]
pub(crate) trait BriefConnection: Send + Sync {
    fn id(&self) -> i64;
    /// The time that the servers keep the session without hearing from this client.
    fn timeout(&self) -> Duration;
    /// All or nothing, over the session's own connection. Returns the version after each operation.
    async fn transaction(&mut self, ops: Vec<Op>) -> Result<Vec<i32>, ZooKeeperError>;
    async fn close(self: Box<Self>);
}

impl fmt::Debug for BriefSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BriefSession").field(&format_args!("{:#x}", self.id())).finish()
    }
}

impl BriefSession {
    pub(crate) fn over(connection: Box<dyn BriefConnection>) -> Self {
        Self(connection)
    }

    /// The session's number, as `ephemeralOwner` shows it.
    pub fn id(&self) -> i64 {
        self.0.id()
    }

    /// The time that the servers keep the session without hearing from this client.
    pub fn timeout(&self) -> Duration {
        self.0.timeout()
    }

    /// Ends the session, and waits until the servers know: what is ephemeral is gone then, unless they did not answer.
    pub async fn close(self) {
        self.0.close().await;
    }

    pub(crate) async fn transaction(&mut self, ops: Vec<Op>) -> Result<Vec<i32>, ZooKeeperError> {
        self.0.transaction(ops).await
    }
}

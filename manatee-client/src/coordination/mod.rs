//! The port to ZooKeeper: what this package asks of it, and who answers.
//!
//! [`Coordination`] opens sessions: [`crate::Servers`] over the network, `MemoryCoordination` (feature `sim`) without a server.
//! Everything above it, [`crate::Session`] first, knows neither.

mod brief;
mod events;
mod live;
#[cfg(feature = "sim")]
mod memory;
mod options;
mod session;
#[cfg(test)]
mod tests;
mod watch;

use std::time::Duration;

use async_trait::async_trait;

pub use self::brief::BriefSession;
pub use self::events::{SessionEvent, SessionEvents};
#[cfg(feature = "sim")]
pub use self::memory::MemoryCoordination;
pub use self::options::SessionOptions;
pub use self::session::Session;
pub(crate) use self::watch::Watch;
use crate::error::ZooKeeperError;
use crate::servers::Servers;
use crate::wire::Op;

/// Opens sessions.
#[async_trait]
pub trait Coordination: Send + Sync {
    /// Opens a session.
    ///
    /// # Errors
    ///
    /// [`ZooKeeperError::Connect`] if there is none within the operation timeout.
    async fn open_session(&self, options: &SessionOptions) -> Result<Session, ZooKeeperError>;

    /// Opens a session that ends unless something is asked of it every `timeout`, or the shortest time that the servers grant
    /// (twice their `tickTime`: 4 s as it comes) if that is longer. No call takes longer than `patience`.
    ///
    /// # Errors
    ///
    /// [`ZooKeeperError::Connect`] if no server opens one within `patience`.
    async fn open_brief_session(
        &self,
        timeout: Duration,
        patience: Duration,
    ) -> Result<BriefSession, ZooKeeperError>;
}

/// A node's data and what ZooKeeper knows about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) data: Vec<u8>,
    /// The number of times that the data was changed since the node was made.
    pub(crate) version: i32,
    /// Milliseconds since 1970 when the node was made.
    pub(crate) created: i64,
    /// The session that an ephemeral node goes with; 0 for others.
    pub(crate) owner: i64,
}

/// The kind of an ephemeral node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ephemeral {
    /// With the name that is given.
    Named,
    /// With a number at the end of its name, which grows with every child of its directory.
    Numbered,
}

/// The operations of a session. They fail with [`ZooKeeperError::SessionExpired`] once it is over.
#[async_trait]
pub(crate) trait Connection: Send + Sync {
    fn id(&self) -> i64;
    /// The time that the servers keep the session without hearing from this client.
    fn timeout(&self) -> Duration;
    fn is_over(&self) -> bool;
    fn events(&self) -> SessionEvents;
    fn servers(&self) -> &Servers;

    async fn get(&self, path: &str) -> Result<Node, ZooKeeperError>;
    /// The nodes at these paths, asked for all at once. Those that are gone are `None`.
    async fn get_all(&self, paths: &[String]) -> Result<Vec<Option<Node>>, ZooKeeperError>;
    /// The node, and a watch on its data and its deletion.
    async fn get_and_watch(&self, path: &str) -> Result<(Node, Watch), ZooKeeperError>;
    /// Tells whether the node is there, and gives a watch on its creation, its data and its deletion.
    async fn exists_and_watch(&self, path: &str) -> Result<(bool, Watch), ZooKeeperError>;
    async fn children(&self, path: &str) -> Result<Vec<String>, ZooKeeperError>;
    /// The children, and a watch on their coming and going and on the node's deletion.
    async fn children_and_watch(&self, path: &str) -> Result<(Vec<String>, Watch), ZooKeeperError>;
    /// Makes a directory and those above it, unless they are there.
    async fn make_directory(&self, path: &str) -> Result<(), ZooKeeperError>;
    /// Makes a node that goes with the session. Returns the number of a numbered one, and 0 for a named one.
    async fn create(&self, path: &str, data: &[u8], kind: Ephemeral)
    -> Result<i64, ZooKeeperError>;
    /// Returns the version after.
    async fn set(&self, path: &str, data: &[u8], version: i32) -> Result<i32, ZooKeeperError>;
    async fn delete(&self, path: &str, version: Option<i32>) -> Result<(), ZooKeeperError>;
    /// All or nothing. Returns the version after each operation.
    async fn transaction(&self, ops: Vec<Op>) -> Result<Vec<i32>, ZooKeeperError>;
}

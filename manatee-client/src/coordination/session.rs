//! A session with ZooKeeper.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Connection, Coordination, Ephemeral, Node, SessionEvents, SessionOptions, Watch};
use crate::error::ZooKeeperError;
use crate::servers::Servers;
use crate::wire::Op;

/// A session with ZooKeeper. Copies share it; it is closed when the last copy goes.
///
/// A session survives broken connections, restarted servers and the absence of a leader as long as that takes no longer than
/// the session timeout. Then it is over for good, [`SessionEvents`] tells so, and every operation fails with
/// [`ZooKeeperError::SessionExpired`].
#[derive(Clone)]
pub struct Session(Arc<dyn Connection>);

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = format_args!("{:#x}", self.id());
        f.debug_struct("Session")
            .field("id", &id)
            .field("servers", &self.servers().to_string())
            .finish_non_exhaustive()
    }
}

/// A node that is never made. Writing to it fails, in order with all writes that do not.
const NOWHERE: &str = "/manatee-client-sync";

impl Session {
    /// Opens a session with these servers.
    ///
    /// # Errors
    ///
    /// [`ZooKeeperError::Connect`] if no server opens one within the operation timeout.
    pub async fn connect(
        servers: &Servers,
        options: &SessionOptions,
    ) -> Result<Self, ZooKeeperError> {
        servers.open_session(options).await
    }

    pub(crate) fn over(connection: Arc<dyn Connection>) -> Self {
        Self(connection)
    }

    #[cfg(test)]
    pub(crate) fn connection(&self) -> &dyn Connection {
        &*self.0
    }

    /// Ends the session, and waits until the servers know: what is ephemeral is gone then. Sessions that are merely dropped end
    /// a moment later, and not at all if the process ends before.
    ///
    /// To be called with the last clone: the session goes on, and this waits, as long as there are others.
    pub async fn close(self) {
        let mut events = self.events();
        drop(self);
        while events.next().await.is_some() {}
    }

    /// The session's number, as `ephemeralOwner` shows it.
    pub fn id(&self) -> i64 {
        self.0.id()
    }

    /// The time that the servers keep the session without hearing from this client.
    pub fn timeout(&self) -> Duration {
        self.0.timeout()
    }

    /// The events of the session from now on.
    pub fn events(&self) -> SessionEvents {
        self.0.events()
    }

    /// Tells whether the session is over.
    pub fn is_over(&self) -> bool {
        self.0.is_over()
    }

    /// The servers.
    pub fn servers(&self) -> &Servers {
        self.0.servers()
    }

    /// Waits until the server that this session talks to knows everything written before this call, by anybody.
    ///
    /// ZooKeeper's own `sync` does not promise that: the leader answers it like a read, and may have told its followers of a
    /// write that it has yet to apply itself. So this is a write that fails: it is put in order behind all that came before it.
    ///
    /// # Errors
    ///
    /// [`ZooKeeperError`] if the servers do not answer.
    pub async fn sync(&self) -> Result<(), ZooKeeperError> {
        match self.set(NOWHERE, &[], i32::MAX).await {
            Err(error) if !error.is_no_node() && !error.is_bad_version() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Removes a node that has no children, such as a directory that the last zone of a name has left. Whether it is gone.
    ///
    /// # Errors
    ///
    /// [`ZooKeeperError`] if the servers do not answer.
    pub async fn remove_if_empty(&self, path: &str) -> Result<bool, ZooKeeperError> {
        let mut recounted = false;
        loop {
            match self.delete(path, None).await {
                Ok(()) | Err(ZooKeeperError::NoNode { .. }) => return Ok(true),
                Err(ZooKeeperError::NotEmpty { .. }) => {}
                Err(error) => return Err(error),
            }
            if recounted || !self.recount(path).await? {
                return Ok(false);
            }
            recounted = true;
        }
    }

    /// Tells whether a node that is said to have children has none. The server counts them anew then.
    ///
    /// Servers before 3.4.7 take a node's children for as many as there were when a transaction was refused that touched it
    /// (ZOOKEEPER-2052), until something of the node changes. So its data are written over by themselves.
    pub(crate) async fn recount(&self, path: &str) -> Result<bool, ZooKeeperError> {
        if self.children(path).await?.is_none_or(|children| !children.is_empty()) {
            return Ok(false);
        }
        let Some(node) = self.read(path).await? else { return Ok(false) };
        match self.set(path, &node.data, node.version).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_no_node() || error.is_bad_version() => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn read(&self, path: &str) -> Result<Option<Node>, ZooKeeperError> {
        absent(self.0.get(path).await)
    }

    /// The nodes at these paths, asked for all at once. Those that are gone are `None`.
    pub(crate) async fn read_all(
        &self,
        paths: &[String],
    ) -> Result<Vec<Option<Node>>, ZooKeeperError> {
        self.0.get_all(paths).await
    }

    /// The node, and a watch on its data, its deletion, or, while it is not there, its creation.
    pub(crate) async fn read_and_watch(
        &self,
        path: &str,
    ) -> Result<(Option<Node>, Watch), ZooKeeperError> {
        loop {
            if let Some((node, watch)) = absent(self.0.get_and_watch(path).await)? {
                return Ok((Some(node), watch));
            }
            if let Some(watch) = self.watch_creation(path).await? {
                return Ok((None, watch));
            }
        }
    }

    /// A watch on the creation of a node; `None` if it was made meanwhile.
    async fn watch_creation(&self, path: &str) -> Result<Option<Watch>, ZooKeeperError> {
        let (exists, watch) = self.0.exists_and_watch(path).await?;
        Ok((!exists).then_some(watch))
    }

    /// The names of a directory's children; `None` if there is no such directory.
    ///
    /// # Errors
    ///
    /// [`ZooKeeperError`]
    pub async fn children(&self, path: &str) -> Result<Option<Vec<String>>, ZooKeeperError> {
        absent(self.0.children(path).await)
    }

    /// The children, and a watch on their coming and going or, while the directory is not there, on its creation.
    pub(crate) async fn children_and_watch(
        &self,
        path: &str,
    ) -> Result<(Vec<String>, Watch), ZooKeeperError> {
        loop {
            if let Some(watched) = absent(self.0.children_and_watch(path).await)? {
                return Ok(watched);
            }
            if let Some(watch) = self.watch_creation(path).await? {
                return Ok((Vec::new(), watch));
            }
        }
    }

    /// Makes a directory and those above it, unless they are there.
    pub(crate) async fn make_directory(&self, path: &str) -> Result<(), ZooKeeperError> {
        self.0.make_directory(path).await
    }

    pub(crate) async fn create_ephemeral(
        &self,
        path: &str,
        data: &[u8],
    ) -> Result<(), ZooKeeperError> {
        self.0.create(path, data, Ephemeral::Named).await.map(drop)
    }

    /// Returns the sequence number at the end of the node's name.
    pub(crate) async fn create_ephemeral_sequential(
        &self,
        prefix: &str,
        data: &[u8],
    ) -> Result<i64, ZooKeeperError> {
        self.0.create(prefix, data, Ephemeral::Numbered).await
    }

    /// Returns the version after.
    pub(crate) async fn set(
        &self,
        path: &str,
        data: &[u8],
        version: i32,
    ) -> Result<i32, ZooKeeperError> {
        self.0.set(path, data, version).await
    }

    pub(crate) async fn delete(
        &self,
        path: &str,
        version: Option<i32>,
    ) -> Result<(), ZooKeeperError> {
        self.0.delete(path, version).await
    }

    /// All or nothing. Returns the version after each operation.
    pub(crate) async fn transaction(&self, ops: Vec<Op>) -> Result<Vec<i32>, ZooKeeperError> {
        if self.is_over() {
            return Err(ZooKeeperError::SessionExpired);
        }
        let result = self.0.transaction(ops).await;
        // The transaction may have gone to another server than this session's, which can be a moment behind: what is read
        // after it has to be at least as new.
        if let Err(error) = self.sync().await {
            tracing::debug!(%error, "could not sync after a transaction");
        }
        result
    }
}

fn absent<T>(result: Result<T, ZooKeeperError>) -> Result<Option<T>, ZooKeeperError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_no_node() => Ok(None),
        Err(error) => Err(error),
    }
}

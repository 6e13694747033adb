//! A session with ZooKeeper. This file and `session_events` are the only ones that know the ZooKeeper library.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use zookeeper::{Acls, Client, CreateMode, CreateOptions};

use crate::error::ZooKeeperError;
use crate::servers::Servers;
use crate::session_events::SessionEvents;
use crate::session_options::SessionOptions;
use crate::transaction;
use crate::watch::{self, Watch};
use crate::wire::Op;

/// A node's data and what ZooKeeper knows about it.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) data: Vec<u8>,
    /// The number of times that the data was changed since the node was made.
    pub(crate) version: i32,
    /// Milliseconds since 1970 when the node was made.
    pub(crate) created: i64,
    /// The session that an ephemeral node goes with; 0 for others.
    pub(crate) owner: i64,
}

/// A session with ZooKeeper. Copies share it; it is closed when the last copy goes.
///
/// A session survives broken connections, restarted servers and the absence of a leader as long as that takes no longer than
/// the session timeout. Then it is over for good, [`SessionEvents`] tells so, and every operation fails with
/// [`ZooKeeperError::SessionExpired`].
#[derive(Clone)]
pub struct Session {
    client: Client,
    servers: Servers,
    /// The server that carried out the last transaction.
    transaction_server: Arc<AtomicUsize>,
    operation_timeout: Duration,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = format_args!("{:#x}", self.id());
        f.debug_struct("Session")
            .field("id", &id)
            .field("servers", &self.servers.to_string())
            .finish_non_exhaustive()
    }
}

/// A node that is never made. Writing to it fails, in order with all writes that do not.
const NOWHERE: &str = "/manatee-client-sync";

/// The version told to the library, so that it makes nodes in the way that Triton's servers know.
const OLDEST_SERVER: (u32, u32, u32) = (3, 4, 3);

fn options(mode: CreateMode) -> CreateOptions<'static> {
    mode.with_acls(Acls::anyone_all())
}

impl Session {
    /// Opens a session.
    ///
    /// # Errors
    ///
    /// [`ZooKeeperError::Connect`] if no server opens one within the operation timeout.
    pub async fn connect(
        servers: &Servers,
        options: &SessionOptions,
    ) -> Result<Self, ZooKeeperError> {
        let failed = |source| ZooKeeperError::Connect { servers: servers.to_string(), source };
        let (major, minor, patch) = OLDEST_SERVER;
        let text = servers.to_string();
        let connecting = Client::connector()
            .with_session_timeout(options.session_timeout)
            .with_server_version(major, minor, patch)
            .connect(&text);
        let client = match tokio::time::timeout(options.operation_timeout, connecting).await {
            Ok(Ok(client)) => client,
            Ok(Err(source)) => return Err(failed(source.into())),
            Err(source) => return Err(failed(source.into())),
        };
        tracing::info!(session = %client.session_id(), %servers, "connected to ZooKeeper");
        Ok(Self {
            client,
            servers: servers.clone(),
            transaction_server: Arc::default(),
            operation_timeout: options.operation_timeout,
        })
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
        self.client.session_id().0
    }

    /// The time that the servers keep the session without hearing from this client.
    pub fn timeout(&self) -> Duration {
        self.client.session_timeout()
    }

    /// The events of the session from now on.
    pub fn events(&self) -> SessionEvents {
        SessionEvents::new(self.client.state_watcher())
    }

    /// Tells whether the session is over.
    pub fn is_over(&self) -> bool {
        self.client.state().is_terminated()
    }

    /// The servers.
    pub fn servers(&self) -> &Servers {
        &self.servers
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
        match self.run(path, self.client.get_data(path)).await {
            Ok((data, stat)) => Ok(Some(node(data, stat))),
            Err(error) if error.is_no_node() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The nodes at these paths, asked for all at once. Those that are gone are `None`.
    pub(crate) async fn read_all(
        &self,
        paths: &[String],
    ) -> Result<Vec<Option<Node>>, ZooKeeperError> {
        let answers: Vec<_> = paths.iter().map(|path| (path, self.client.get_data(path))).collect();
        let mut nodes = Vec::with_capacity(answers.len());
        for (path, answer) in answers {
            nodes.push(match self.run(path, answer).await {
                Ok((data, stat)) => Some(node(data, stat)),
                Err(error) if error.is_no_node() => None,
                Err(error) => return Err(error),
            });
        }
        Ok(nodes)
    }

    /// The node, and a watch on its data, its deletion, or, while it is not there, its creation.
    pub(crate) async fn read_and_watch(
        &self,
        path: &str,
    ) -> Result<(Option<Node>, Watch), ZooKeeperError> {
        loop {
            match self.run(path, watch::data(&self.client, path)).await {
                Ok(((data, stat), watch)) => return Ok((Some(node(data, stat)), watch)),
                Err(error) if error.is_no_node() => {}
                Err(error) => return Err(error),
            }
            if let Some(watch) = self.watch_creation(path).await? {
                return Ok((None, watch));
            }
        }
    }

    /// A watch on the creation of a node; `None` if it was made meanwhile.
    async fn watch_creation(&self, path: &str) -> Result<Option<Watch>, ZooKeeperError> {
        let (stat, watch) = self.run(path, watch::existence(&self.client, path)).await?;
        Ok(if stat.is_none() { Some(watch) } else { None })
    }

    pub(crate) async fn children(&self, path: &str) -> Result<Option<Vec<String>>, ZooKeeperError> {
        absent(self.run(path, self.client.list_children(path)).await)
    }

    /// The children, and a watch on their coming and going or, while the directory is not there, on its creation.
    pub(crate) async fn children_and_watch(
        &self,
        path: &str,
    ) -> Result<(Vec<String>, Watch), ZooKeeperError> {
        loop {
            match self.run(path, watch::children(&self.client, path)).await {
                Ok(watched) => return Ok(watched),
                Err(error) if error.is_no_node() => {}
                Err(error) => return Err(error),
            }
            if let Some(watch) = self.watch_creation(path).await? {
                return Ok((Vec::new(), watch));
            }
        }
    }

    /// Makes a directory and those above it, unless they are there.
    pub(crate) async fn make_directory(&self, path: &str) -> Result<(), ZooKeeperError> {
        self.run(path, self.client.mkdir(path, &options(CreateMode::Persistent))).await
    }

    pub(crate) async fn create_ephemeral(
        &self,
        path: &str,
        data: &[u8],
    ) -> Result<(), ZooKeeperError> {
        let options = options(CreateMode::Ephemeral);
        self.run(path, self.client.create(path, data, &options)).await.map(drop)
    }

    /// Returns the sequence number at the end of the node's name.
    pub(crate) async fn create_ephemeral_sequential(
        &self,
        prefix: &str,
        data: &[u8],
    ) -> Result<i64, ZooKeeperError> {
        let options = options(CreateMode::EphemeralSequential);
        let (_, sequence) = self.run(prefix, self.client.create(prefix, data, &options)).await?;
        Ok(sequence.into_i64())
    }

    /// Returns the version after.
    pub(crate) async fn set(
        &self,
        path: &str,
        data: &[u8],
        version: i32,
    ) -> Result<i32, ZooKeeperError> {
        let stat = self.run(path, self.client.set_data(path, data, Some(version))).await?;
        Ok(stat.version)
    }

    pub(crate) async fn delete(
        &self,
        path: &str,
        version: Option<i32>,
    ) -> Result<(), ZooKeeperError> {
        self.run(path, self.client.delete(path, version)).await
    }

    /// All or nothing. Returns the version after each operation.
    pub(crate) async fn transaction(&self, ops: Vec<Op>) -> Result<Vec<i32>, ZooKeeperError> {
        if self.is_over() {
            return Err(ZooKeeperError::SessionExpired);
        }
        let (servers, first) = (&self.servers, &self.transaction_server);
        let result = transaction::run(servers, first, ops, self.operation_timeout).await;
        // The transaction may have gone to another server than this session's, which can be a moment behind: what is read
        // after it has to be at least as new.
        if let Err(error) = self.sync().await {
            tracing::debug!(%error, "could not sync after a transaction");
        }
        result
    }

    async fn run<T>(
        &self,
        path: &str,
        operation: impl Future<Output = Result<T, zookeeper::Error>>,
    ) -> Result<T, ZooKeeperError> {
        match tokio::time::timeout(self.operation_timeout, operation).await {
            Ok(result) => result.map_err(|error| translate(error, path)),
            Err(_) => Err(ZooKeeperError::Timeout {
                path: path.to_owned(),
                after: self.operation_timeout,
            }),
        }
    }
}

fn node(data: Vec<u8>, stat: zookeeper::Stat) -> Node {
    Node { data, version: stat.version, created: stat.ctime, owner: stat.ephemeral_owner }
}

fn absent<T>(result: Result<T, ZooKeeperError>) -> Result<Option<T>, ZooKeeperError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_no_node() => Ok(None),
        Err(error) => Err(error),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library may add kinds; all that are not told apart here are refusals"
)]
fn translate(error: zookeeper::Error, path: &str) -> ZooKeeperError {
    let path = path.to_owned();
    match error {
        zookeeper::Error::NoNode => ZooKeeperError::NoNode { path },
        zookeeper::Error::NodeExists => ZooKeeperError::NodeExists { path },
        zookeeper::Error::BadVersion => ZooKeeperError::BadVersion { path },
        zookeeper::Error::NotEmpty => ZooKeeperError::NotEmpty { path },
        // What the library has no kind for comes from the connection: a broken socket, a server that went silent.
        zookeeper::Error::ConnectionLoss
        | zookeeper::Error::Timeout
        | zookeeper::Error::Custom(_) => ZooKeeperError::ConnectionLoss { path },
        zookeeper::Error::SessionExpired
        | zookeeper::Error::SessionMoved
        | zookeeper::Error::ClientClosed => ZooKeeperError::SessionExpired,
        other => ZooKeeperError::Refused { path, source: other.into() },
    }
}

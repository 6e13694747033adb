//! The part of a ZooKeeper client that the lab's services need.

use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};
use zookeeper::{Acls, Client, Connector, CreateMode, Error, EventType, OneshotWatcher, Stat};

/// The time for which [`connect`] tries.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest that a single try may take.
const ATTEMPT: Duration = Duration::from_secs(5);

/// The version told to the library, so that it makes nodes in the way that Triton's servers know.
const OLDEST_SERVER: (u32, u32, u32) = (3, 4, 3);

/// A refusal of ZooKeeper.
#[derive(Debug, Error)]
pub(crate) enum ClientError {
    /// No session.
    #[error("cannot connect to ZooKeeper at {servers}")]
    Connect {
        /// Whom was asked.
        servers: String,
        /// The cause of the last try's failure.
        source: Error,
    },
    /// An operation on a node failed.
    #[error("ZooKeeper refuses {path}")]
    Node {
        /// The node.
        path: String,
        /// The cause.
        source: Error,
    },
}

/// Opens a session, trying for half a minute. It is closed, and its ephemeral nodes go, when the last copy of the client
/// is dropped.
///
/// # Errors
/// No server opens one.
pub(crate) async fn connect(
    servers: &str,
    session_timeout: Duration,
) -> Result<Client, ClientError> {
    retry(servers, || connector(session_timeout)).await
}

/// Opens a session as [`connect`] does that nobody closes: its ephemeral nodes stay until the session times out, as those
/// of a sitter do in production.
///
/// # Errors
/// No server opens one.
pub(crate) async fn connect_detached(
    servers: &str,
    session_timeout: Duration,
) -> Result<Client, ClientError> {
    retry(servers, || connector(session_timeout).with_detached()).await
}

/// Nothing is asked of servers that the oldest does not know.
pub(crate) fn connector(session_timeout: Duration) -> Connector {
    let (major, minor, patch) = OLDEST_SERVER;
    Client::connector()
        .with_session_timeout(session_timeout)
        .with_server_version(major, minor, patch)
}

async fn retry(servers: &str, connector: impl Fn() -> Connector) -> Result<Client, ClientError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let connecting = connector().with_fail_eagerly().connect(servers);
        let source = match timeout(ATTEMPT, connecting).await {
            Ok(Ok(client)) => return Ok(client),
            Ok(Err(error)) => error,
            Err(_) => Error::Timeout,
        };
        if Instant::now() >= deadline {
            return Err(ClientError::Connect { servers: servers.to_owned(), source });
        }
        sleep(Duration::from_millis(100)).await;
    }
}

fn refused(path: &str) -> impl FnOnce(Error) -> ClientError {
    let path = path.to_owned();
    |source| ClientError::Node { path, source }
}

/// Makes a node and the nodes above it, without data. Those that are there are left alone.
///
/// # Errors
/// ZooKeeper does not answer, or does not make one.
pub(crate) async fn make_path(client: &Client, path: &str) -> Result<(), ClientError> {
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    client.mkdir(path, &options).await.map_err(refused(path))
}

/// A node's data, and which of its data they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// The data.
    pub(crate) data: Vec<u8>,
    /// The number of times that the data were changed since the node was made.
    pub(crate) version: i32,
    /// The number of the transaction that wrote the data. It only grows, even if a node is deleted and made again.
    pub(crate) transaction: i64,
}

impl Node {
    fn new(data: Vec<u8>, stat: &Stat) -> Self {
        Self { data, version: stat.version, transaction: stat.mzxid }
    }
}

/// A node. `None` if there is none.
///
/// # Errors
/// ZooKeeper does not answer.
pub(crate) async fn read(client: &Client, path: &str) -> Result<Option<Node>, ClientError> {
    match client.get_data(path).await {
        Ok((data, stat)) => Ok(Some(Node::new(data, &stat))),
        Err(Error::NoNode) => Ok(None),
        Err(error) => Err(refused(path)(error)),
    }
}

/// As [`read`], with a watch on the node's data, its deletion or, while it is not there, its creation.
///
/// # Errors
/// ZooKeeper does not answer.
pub(crate) async fn read_and_watch(
    client: &Client,
    path: &str,
) -> Result<(Option<Node>, OneshotWatcher), ClientError> {
    loop {
        match client.get_and_watch_data(path).await {
            Ok((data, stat, watcher)) => return Ok((Some(Node::new(data, &stat)), watcher)),
            Err(Error::NoNode) => {}
            Err(error) => return Err(refused(path)(error)),
        }
        // Made between the two calls: read it again.
        let (stat, watcher) = client.check_and_watch_stat(path).await.map_err(refused(path))?;
        if stat.is_none() {
            return Ok((None, watcher));
        }
        leave(watcher);
    }
}

/// The version of a node's data, with a watch on them, on the node's deletion or, while it is not there, on its creation.
///
/// # Errors
/// ZooKeeper does not answer.
pub(crate) async fn watch(
    client: &Client,
    path: &str,
) -> Result<(Option<i32>, OneshotWatcher), ClientError> {
    let (stat, watcher) = client.check_and_watch_stat(path).await.map_err(refused(path))?;
    Ok((stat.map(|stat| stat.version), watcher))
}

/// The names of a node's children, with a watch on them. `None`: there is no such node, and the watch is on its creation.
///
/// # Errors
/// ZooKeeper does not answer.
pub(crate) async fn children_and_watch(
    client: &Client,
    path: &str,
) -> Result<(Option<Vec<String>>, OneshotWatcher), ClientError> {
    loop {
        match client.list_and_watch_children(path).await {
            Ok((names, watcher)) => return Ok((Some(names), watcher)),
            Err(Error::NoNode) => {}
            Err(error) => return Err(refused(path)(error)),
        }
        // Made between the two calls: list them again.
        let (version, watcher) = watch(client, path).await?;
        if version.is_none() {
            return Ok((None, watcher));
        }
        leave(watcher);
    }
}

/// Leaves a watch that nobody waits for to its end. The library would ask the server to remove it, and servers from before 3.5
/// close the connection on that.
pub(crate) fn leave(watcher: OneshotWatcher) {
    tokio::spawn(watcher.changed());
}

/// Waits for what is watched. `false`: the session is over, and with it the watch.
pub(crate) async fn wait_for_change(watcher: OneshotWatcher) -> bool {
    watcher.changed().await.event_type != EventType::Session
}

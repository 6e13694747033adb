//! Sessions over the network. This folder is the only place that knows the ZooKeeper library.

mod watch;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use async_trait::async_trait;
use zookeeper::{Acls, Client, CreateMode, CreateOptions, SessionState, StateWatcher};

use super::brief::BriefConnection;
use super::{
    BriefSession, Connection, Coordination, Ephemeral, Node, SessionEvent, SessionEvents,
    SessionOptions, Watch,
};
use crate::coordination::Session;
use crate::deadline;
use crate::error::ZooKeeperError;
use crate::servers::Servers;
use crate::transaction::{self, Channel};
use crate::wire::Op;

/// The version told to the library, so that it makes nodes in the way that Triton's servers know.
const OLDEST_SERVER: (u32, u32, u32) = (3, 4, 3);

/// A session over the network.
struct Live {
    client: Client,
    servers: Servers,
    /// The server that carried out the last transaction.
    transaction_server: Arc<AtomicUsize>,
    operation_timeout: Duration,
}

#[async_trait]
impl Coordination for Servers {
    async fn open_session(&self, options: &SessionOptions) -> Result<Session, ZooKeeperError> {
        let failed = |source| ZooKeeperError::Connect { servers: self.to_string(), source };
        let (major, minor, patch) = OLDEST_SERVER;
        let text = self.to_string();
        let connecting = Client::connector()
            .with_session_timeout(options.session_timeout)
            .with_server_version(major, minor, patch)
            .connect(&text);
        let client = match tokio::time::timeout(options.operation_timeout, connecting).await {
            Ok(Ok(client)) => client,
            Ok(Err(source)) => return Err(failed(source.into())),
            Err(source) => return Err(failed(source.into())),
        };
        tracing::info!(session = %client.session_id(), servers = %self, "connected to ZooKeeper");
        Ok(Session::over(Arc::new(Live {
            client,
            servers: self.clone(),
            transaction_server: Arc::default(),
            operation_timeout: options.operation_timeout,
        })))
    }

    async fn open_brief_session(
        &self,
        timeout: Duration,
        patience: Duration,
    ) -> Result<BriefSession, ZooKeeperError> {
        let deadline = deadline::after(patience);
        let channel = Channel::open(self, &AtomicUsize::new(0), timeout, deadline).await?;
        Ok(BriefSession::over(Box::new(Brief { channel, patience })))
    }
}

/// A brief session over the network.
struct Brief {
    channel: Channel,
    patience: Duration,
}

#[async_trait]
impl BriefConnection for Brief {
    fn id(&self) -> i64 {
        self.channel.session
    }

    fn timeout(&self) -> Duration {
        self.channel.timeout
    }

    async fn transaction(&mut self, ops: Vec<Op>) -> Result<Vec<i32>, ZooKeeperError> {
        let deadline = deadline::after(self.patience);
        Ok(self.channel.transaction(ops, self.patience, deadline).await?.1)
    }

    async fn close(self: Box<Self>) {
        self.channel.close(deadline::after(self.patience)).await;
    }
}

impl Live {
    async fn run<T>(
        &self,
        path: &str,
        operation: impl Future<Output = Result<T, zookeeper::Error>> + Send,
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

#[async_trait]
impl Connection for Live {
    fn id(&self) -> i64 {
        self.client.session_id().0
    }

    fn timeout(&self) -> Duration {
        self.client.session_timeout()
    }

    fn is_over(&self) -> bool {
        self.client.state().is_terminated()
    }

    fn events(&self) -> SessionEvents {
        SessionEvents::new(Box::new(States(self.client.state_watcher())))
    }

    fn servers(&self) -> &Servers {
        &self.servers
    }

    async fn get(&self, path: &str) -> Result<Node, ZooKeeperError> {
        let (data, stat) = self.run(path, self.client.get_data(path)).await?;
        Ok(node(data, stat))
    }

    async fn get_all(&self, paths: &[String]) -> Result<Vec<Option<Node>>, ZooKeeperError> {
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

    async fn get_and_watch(&self, path: &str) -> Result<(Node, Watch), ZooKeeperError> {
        let ((data, stat), watch) = self.run(path, watch::data(&self.client, path)).await?;
        Ok((node(data, stat), watch))
    }

    async fn exists_and_watch(&self, path: &str) -> Result<(bool, Watch), ZooKeeperError> {
        let (stat, watch) = self.run(path, watch::existence(&self.client, path)).await?;
        Ok((stat.is_some(), watch))
    }

    async fn children(&self, path: &str) -> Result<Vec<String>, ZooKeeperError> {
        self.run(path, self.client.list_children(path)).await
    }

    async fn children_and_watch(&self, path: &str) -> Result<(Vec<String>, Watch), ZooKeeperError> {
        self.run(path, watch::children(&self.client, path)).await
    }

    async fn make_directory(&self, path: &str) -> Result<(), ZooKeeperError> {
        self.run(path, self.client.mkdir(path, &options(CreateMode::Persistent))).await
    }

    async fn create(
        &self,
        path: &str,
        data: &[u8],
        kind: Ephemeral,
    ) -> Result<i64, ZooKeeperError> {
        let options = options(match kind {
            Ephemeral::Named => CreateMode::Ephemeral,
            Ephemeral::Numbered => CreateMode::EphemeralSequential,
        });
        let (_, sequence) = self.run(path, self.client.create(path, data, &options)).await?;
        Ok(match kind {
            Ephemeral::Named => 0,
            Ephemeral::Numbered => sequence.into_i64(),
        })
    }

    async fn set(&self, path: &str, data: &[u8], version: i32) -> Result<i32, ZooKeeperError> {
        let stat = self.run(path, self.client.set_data(path, data, Some(version))).await?;
        Ok(stat.version)
    }

    async fn delete(&self, path: &str, version: Option<i32>) -> Result<(), ZooKeeperError> {
        self.run(path, self.client.delete(path, version)).await
    }

    async fn transaction(&self, ops: Vec<Op>) -> Result<Vec<i32>, ZooKeeperError> {
        transaction::run(&self.servers, &self.transaction_server, ops, self.operation_timeout).await
    }
}

/// The states of a session, as the library tells them.
#[derive(Debug)]
struct States(StateWatcher);

#[async_trait]
impl super::events::Source for States {
    async fn next(&mut self) -> SessionEvent {
        match self.0.changed().await {
            SessionState::Disconnected => SessionEvent::Disconnected,
            SessionState::SyncConnected | SessionState::ConnectedReadOnly => {
                SessionEvent::Reconnected
            }
            SessionState::Expired => SessionEvent::Expired,
            SessionState::AuthFailed | SessionState::Closed => SessionEvent::Closed,
        }
    }
}

fn options(mode: CreateMode) -> CreateOptions<'static> {
    mode.with_acls(Acls::anyone_all())
}

fn node(data: Vec<u8>, stat: zookeeper::Stat) -> Node {
    Node { data, version: stat.version, created: stat.ctime, owner: stat.ephemeral_owner }
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

//! The states of shards in ZooKeeper.

use std::time::Duration;

use manatee_client::{Transaction, ZooKeeperError};
use serde_json::Value;
use zookeeper::{Client, Error};

use super::super::session::Failure;
use crate::zookeeper::connector;

/// The longest that connecting may take, and writing.
const PATIENCE: Duration = Duration::from_secs(10);

/// The prefix of the history nodes that this tool makes, whatever the generation.
const PREFIX: &str = "0-";

/// A node.
pub(super) struct Node {
    pub(super) data: Vec<u8>,
    pub(super) version: i32,
    /// Milliseconds since 1970 when it was made.
    pub(super) created: i64,
}

/// A session with ZooKeeper.
pub(super) struct Store(Client, String);

/// The reason for which a state was not written.
pub(super) enum WriteFailure {
    /// A node that has to be there is not.
    NoNode,
    /// Anything else, as the tool says it.
    Other(String),
}

/// `host[:port],…[/chroot]` with all ports.
fn with_ports(servers: &str) -> String {
    let (hosts, chroot) = servers.find('/').map_or((servers, ""), |at| servers.split_at(at));
    let port = |host: &str| {
        if host.contains(':') {
            host.to_owned()
        } else {
            format!("{host}:{}", crate::address::ZOOKEEPER_PORT)
        }
    };
    let hosts: Vec<_> = hosts.split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
    hosts.into_iter().map(port).collect::<Vec<_>>().join(",") + chroot
}

/// An error as the tool's library names it.
#[expect(clippy::wildcard_enum_match_arm, reason = "only those that are met have names")]
fn exception(error: &Error) -> String {
    let name = match error {
        Error::NoNode => "NO_NODE[-101]",
        Error::BadVersion => "BAD_VERSION[-103]",
        Error::NodeExists => "NODE_EXISTS[-110]",
        Error::NotEmpty => "NOT_EMPTY[-111]",
        Error::SessionExpired => "SESSION_EXPIRED[-112]",
        Error::ConnectionLoss => "CONNECTION_LOSS[-4]",
        Error::Timeout => "OPERATION_TIMEOUT[-7]",
        other => return format!("Exception: {other}"),
    };
    format!("Exception: {name}")
}

fn failed(error: &Error) -> Failure {
    Failure::new(exception(error))
}

impl Store {
    /// Opens a session with one of the servers.
    pub(super) async fn connect(servers: &str) -> Result<Self, Failure> {
        let servers = with_ports(servers);
        let connecting = connector(PATIENCE).connect(&servers);
        match tokio::time::timeout(PATIENCE, connecting).await {
            Ok(Ok(client)) => Ok(Self(client, servers)),
            Ok(Err(_)) | Err(_) => Err(Failure::new("unable to connect to zk")),
        }
    }

    /// A node, if it is there.
    pub(super) async fn read(&self, path: &str) -> Result<Option<Node>, Failure> {
        match self.0.get_data(path).await {
            Ok((data, stat)) => Ok(Some(Node { data, version: stat.version, created: stat.ctime })),
            Err(Error::NoNode) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    /// The names of a node's children, if it is there.
    pub(super) async fn children(&self, path: &str) -> Result<Option<Vec<String>>, Failure> {
        match self.0.list_children(path).await {
            Ok(children) => Ok(Some(children)),
            Err(Error::NoNode) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    /// The state of a shard with its version, if it has one.
    pub(super) async fn state(&self, shard: &str) -> Result<Option<(Value, i32)>, Failure> {
        let Some(node) = self.read(&format!("/manatee/{shard}/state")).await? else {
            return Ok(None);
        };
        let bad = |error| Failure::because("the state is not JSON", &error);
        let state = serde_json::from_slice(&node.data).map_err(bad)?;
        Ok(Some((state, node.version)))
    }

    /// Writes a state over the one of this version, and into the history.
    ///
    /// As the tool's library does it, version 0 is any version.
    pub(super) async fn update(
        &self,
        shard: &str,
        state: &Value,
        version: i32,
    ) -> Result<(), WriteFailure> {
        let data = state.to_string().into_bytes();
        let expected = (version != 0).then_some(version);
        let transaction = Transaction::new()
            .set(&format!("/manatee/{shard}/state"), &data, expected)
            .create_sequential(&history(shard), &data);
        self.commit(transaction).await
    }

    /// Writes the first state of a shard, and the history's entry.
    pub(super) async fn create(&self, shard: &str, state: &Value) -> Result<(), WriteFailure> {
        let data = state.to_string().into_bytes();
        let transaction = Transaction::new()
            .create_sequential(&history(shard), &data)
            .create(&format!("/manatee/{shard}/state"), &data);
        self.commit(transaction).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<(), WriteFailure> {
        let servers = self.1.parse().map_err(refusal)?;
        transaction.commit(&servers, PATIENCE).await.map(drop).map_err(refusal)
    }
}

fn history(shard: &str) -> String {
    format!("/manatee/{shard}/history/{PREFIX}")
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only those that are met have names")]
fn refusal(error: ZooKeeperError) -> WriteFailure {
    let error = match error {
        ZooKeeperError::NoNode { .. } => return WriteFailure::NoNode,
        ZooKeeperError::BadVersion { .. } => Error::BadVersion,
        ZooKeeperError::NodeExists { .. } => Error::NodeExists,
        ZooKeeperError::Timeout { .. } => Error::Timeout,
        ZooKeeperError::Connect { .. } | ZooKeeperError::ConnectionLoss { .. } => {
            Error::ConnectionLoss
        }
        other => Error::UnexpectedError(other.to_string()),
    };
    WriteFailure::Other(exception(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_added() {
        assert_eq!(with_ports("10.0.0.1"), "10.0.0.1:2181");
        assert_eq!(with_ports("a:1, b/chroot"), "a:1,b:2181/chroot");
    }

    #[test]
    fn errors_have_the_names_of_the_tools_library() {
        assert_eq!(exception(&Error::BadVersion), "Exception: BAD_VERSION[-103]");
    }
}

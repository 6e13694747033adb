//! The sitter's part in ZooKeeper: its sessions, its election node, what it watches and what it writes.

use std::collections::BTreeMap;
use std::time::Duration;

use manatee_client::{Transaction, ZooKeeperError};
use thiserror::Error;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::sleep;
use zookeeper::{Acls, Client, CreateMode};

use super::shell::Message;
use super::state::{ClusterState, Peer};
use crate::zookeeper::{
    ClientError, Node, connect_detached, make_path, read, read_and_watch, wait_for_change,
};

/// The longest that a write may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The time to wait after a session that could not even be used.
const AGAIN: Duration = Duration::from_millis(500);

/// A shard in ZooKeeper, and who takes part.
#[derive(Clone, Debug)]
pub(crate) struct Election {
    pub(crate) servers: String,
    pub(crate) session_timeout: Duration,
    pub(crate) shard_path: String,
    pub(crate) me: Peer,
}

/// The state was not written.
#[derive(Debug, Error)]
pub(crate) enum WriteError {
    #[error("ZooKeeper refuses: {0}")]
    ZooKeeper(#[from] ZooKeeperError),
    #[error("a cluster state cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl Election {
    /// Takes part for ever: opens session after session, and tells what there is to see.
    pub(crate) async fn take_part(self, messages: UnboundedSender<Message>) {
        loop {
            if let Err(error) = self.session(&messages).await {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "cannot use ZooKeeper");
            }
            sleep(AGAIN).await;
        }
    }

    /// One session, from its beginning to its end.
    async fn session(&self, messages: &UnboundedSender<Message>) -> Result<(), ClientError> {
        let client = connect_detached(&self.servers, self.session_timeout).await?;
        tracing::info!(session = %client.session_id(), "connected to ZooKeeper");
        make_path(&client, &self.path("election")).await?;
        make_path(&client, &self.path("history")).await?;
        self.register(&client).await?;
        send(messages, Message::Session(client.clone()));
        tokio::select! {
            ended = self.follow_state(&client, messages) => ended?,
            ended = self.follow_active(&client, messages) => ended?,
        }
        tracing::warn!(session = %client.session_id(), "the session is over");
        Ok(())
    }

    async fn register(&self, client: &Client) -> Result<(), ClientError> {
        let path = format!("{}/{}-", self.path("election"), self.me.id);
        let data = self.me.election_data().to_string();
        let options = CreateMode::EphemeralSequential.with_acls(Acls::anyone_all());
        match client.create(&path, data.as_bytes(), &options).await {
            Ok(_) => Ok(()),
            Err(source) => Err(ClientError::Node { path, source }),
        }
    }

    /// Tells the state whenever it changes, until the session is over. That there is no state any more is not told.
    async fn follow_state(
        &self,
        client: &Client,
        messages: &UnboundedSender<Message>,
    ) -> Result<(), ClientError> {
        loop {
            let (node, watcher) = read_and_watch(client, &self.path("state")).await?;
            send(messages, Message::State(node));
            if !wait_for_change(watcher).await {
                return Ok(());
            }
        }
    }

    /// Tells who is in the election whenever that changes, until the session is over.
    async fn follow_active(
        &self,
        client: &Client,
        messages: &UnboundedSender<Message>,
    ) -> Result<(), ClientError> {
        let path = self.path("election");
        loop {
            let listed = client.list_and_watch_children(&path).await;
            let (names, watcher) =
                listed.map_err(|source| ClientError::Node { path: path.clone(), source })?;
            let mut active = Vec::new();
            for (id, name) in latest(&names) {
                // It may have gone since.
                if let Some(Node { data, .. }) = read(client, &format!("{path}/{name}")).await? {
                    match Peer::of_election(&id, &data) {
                        Ok(peer) => active.push(peer),
                        Err(error) => tracing::warn!(name, %error, "an election node is no peer"),
                    }
                }
            }
            send(messages, Message::Active(active));
            if !wait_for_change(watcher).await {
                return Ok(());
            }
        }
    }

    /// Writes a state and the history's next entry in one transaction. `version`: of the state that it replaces; `None`:
    /// whichever is there. `create`: there is none. Returns the number of the transaction.
    pub(crate) async fn write(
        &self,
        state: &ClusterState,
        create: bool,
        version: Option<i32>,
    ) -> Result<i64, WriteError> {
        let data = serde_json::to_vec(state)?;
        let path = self.path("state");
        let entry = format!("{}/{}-", self.path("history"), state.generation);
        let transaction = Transaction::new().create_sequential(&entry, &data);
        let transaction = if create {
            transaction.create(&path, &data)
        } else {
            transaction.set(&path, &data, version)
        };
        Ok(transaction.commit(&self.servers.parse()?, PATIENCE).await?)
    }

    fn path(&self, node: &str) -> String {
        format!("{}/{node}", self.shard_path)
    }
}

fn send(messages: &UnboundedSender<Message>, message: Message) {
    // Nobody listens only while the process ends.
    messages.send(message).unwrap_or_default();
}

/// The newest election node of each peer, by the peer's id and in the order of the ids as text. A sitter that was started
/// again has several for a while.
fn latest(names: &[String]) -> BTreeMap<String, &str> {
    let mut latest: BTreeMap<String, (u64, &str)> = BTreeMap::new();
    for name in names {
        let Some((id, sequence)) = name.rsplit_once('-') else { continue };
        let Ok(sequence) = sequence.parse() else { continue };
        let newest = latest.entry(id.to_owned()).or_insert((sequence, name));
        if newest.0 <= sequence {
            *newest = (sequence, name);
        }
    }
    latest.into_iter().map(|(id, (_, name))| (id, name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_node_of_each_peer_counts() {
        let names = [
            "10.0.0.9:5432:12345-0000000007",
            "10.0.0.10:5432:12345-0000000009",
            "10.0.0.9:5432:12345-0000000010",
            "junk",
        ];
        let names = names.map(str::to_owned);
        let latest: Vec<(String, &str)> = latest(&names).into_iter().collect();
        assert_eq!(
            latest,
            [
                ("10.0.0.10:5432:12345".to_owned(), "10.0.0.10:5432:12345-0000000009"),
                ("10.0.0.9:5432:12345".to_owned(), "10.0.0.9:5432:12345-0000000010"),
            ]
        );
    }
}

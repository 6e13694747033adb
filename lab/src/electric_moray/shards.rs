//! The Moray processes of the shards, as the registrars have entered them in ZooKeeper.

use crate::context::ServiceError;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fash::Pnode;
use moray_client::{Client, ClientOptions, Error, Nulls, Responses, ServerError};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::error;
use crate::moray::config::ZooKeeperConfig;
use crate::registrar;
use crate::zookeeper::leave;

/// The time between attempts to reach ZooKeeper.
const RETRY: Duration = Duration::from_millis(200);

/// Every pnode's shard.
#[derive(Debug)]
pub(super) struct Shards(HashMap<Pnode, Shard>);

/// The Moray processes of a shard, which take turns.
#[derive(Debug)]
struct Shard {
    clients: watch::Receiver<Vec<Client>>,
    turn: AtomicUsize,
}

/// The place where the Moray processes of a shard are found.
#[derive(Clone, Debug)]
struct Followed {
    /// The node whose children they are.
    path: String,
    /// The port of those that do not tell theirs.
    port: u16,
    clients: Arc<watch::Sender<Vec<Client>>>,
}

impl Shards {
    /// Follows the entries of all pnodes from now on.
    pub(super) fn follow(zookeeper: ZooKeeperConfig, pnodes: &[Pnode]) -> Result<Self, BadPnode> {
        let (mut shards, mut followed) = (HashMap::new(), Vec::new());
        for pnode in pnodes {
            let (host, port) = host_and_port(pnode).ok_or_else(|| BadPnode(pnode.clone()))?;
            let (sender, clients) = watch::channel(Vec::new());
            shards.insert(pnode.clone(), Shard { clients, turn: AtomicUsize::new(0) });
            followed.push(Followed {
                path: registrar::path_of(host),
                port,
                clients: Arc::new(sender),
            });
        }
        tokio::spawn(async move {
            loop {
                if let Err(error) = session(&zookeeper, &followed).await {
                    tracing::warn!(%error, "cannot follow the shards; trying again");
                }
                tokio::time::sleep(RETRY).await;
            }
        });
        Ok(Self(shards))
    }

    /// Passes a request on to a shard. One that could not be sent goes to the shard's next Moray, if there is another.
    pub(super) async fn call(
        &self,
        pnode: &Pnode,
        method: &str,
        args: &[Value],
    ) -> Result<Responses, ServerError> {
        let no_backends = || error::no_backends(pnode.as_str());
        let shard = self.0.get(pnode).ok_or_else(no_backends)?;
        let clients = shard.clients.borrow().clone();
        let turn = shard.turn.fetch_add(1, Ordering::Relaxed);
        let mut last = no_backends();
        for client in clients.iter().cycle().skip(turn % clients.len().max(1)).take(clients.len()) {
            match client.call(method, args, Nulls::Ignore).await {
                Ok(responses) => return Ok(responses),
                Err(error @ (Error::Connect { .. } | Error::NotSent { .. })) => {
                    last = error::of_shard(error);
                }
                Err(error) => return Err(error::of_shard(error)),
            }
        }
        Err(last)
    }
}

/// A pnode's name is no address.
#[derive(Debug, thiserror::Error)]
#[error("pnode {0} is no address of the form tcp://HOST:PORT")]
pub(super) struct BadPnode(Pnode);

fn host_and_port(pnode: &Pnode) -> Option<(&str, u16)> {
    let (host, port) = pnode.as_str().strip_prefix("tcp://")?.split_once(':')?;
    (!host.is_empty()).then_some((host, port.parse().ok()?))
}

/// Follows all shards in one session, until it is over.
async fn session(zookeeper: &ZooKeeperConfig, followed: &[Followed]) -> Result<(), ServiceError> {
    let client = zookeeper.connect().await?;
    let mut tasks = JoinSet::new();
    for shard in followed {
        let (shard, client) = (shard.clone(), client.clone());
        tasks.spawn(async move { follow(&client, &shard).await });
    }
    match tasks.join_next().await {
        Some(Ok(result)) => Ok(result?),
        Some(Err(_)) | None => Ok(()),
    }
}

async fn follow(client: &zookeeper::Client, shard: &Followed) -> Result<(), zookeeper::Error> {
    loop {
        let watcher = match client.list_and_watch_children(&shard.path).await {
            Ok((mut children, watcher)) => {
                children.sort_unstable();
                let mut addresses = Vec::new();
                for child in children {
                    match client.get_data(&format!("{}/{child}", shard.path)).await {
                        Ok((data, _)) => {
                            addresses.extend(registrar::moray_address(&data, shard.port));
                        }
                        Err(zookeeper::Error::NoNode) => {}
                        Err(error) => return Err(error),
                    }
                }
                shard.update(&addresses);
                watcher
            }
            Err(zookeeper::Error::NoNode) => {
                shard.update(&[]);
                let (stat, watcher) = client.check_and_watch_stat(&shard.path).await?;
                if stat.is_some() {
                    leave(watcher);
                    continue;
                }
                watcher
            }
            Err(error) => return Err(error),
        };
        if watcher.changed().await.session_state.is_terminated() {
            return Err(zookeeper::Error::SessionExpired);
        }
    }
}

impl Followed {
    /// Keeps the clients of addresses that are still there, with their connections.
    fn update(&self, addresses: &[String]) {
        self.clients.send_if_modified(|clients| {
            if clients.iter().map(Client::address).eq(addresses.iter().map(String::as_str)) {
                return false;
            }
            tracing::info!(path = self.path, ?addresses, "the shard's Morays");
            let kept = |address: &String| {
                let known = clients.iter().find(|client| client.address() == address);
                known.cloned().unwrap_or_else(|| Client::new(address.clone(), options()))
            };
            *clients = addresses.iter().map(kept).collect();
            true
        });
    }
}

/// The options with which shards are spoken to.
fn options() -> ClientOptions {
    ClientOptions {
        connections: NonZeroUsize::MIN.saturating_add(3),
        connect_timeout: Duration::from_secs(2),
        connect_patience: Duration::from_secs(2),
        backoff_max: Duration::from_millis(500),
        ..ClientOptions::default()
    }
}

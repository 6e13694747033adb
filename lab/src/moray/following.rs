//! Follows the primary of a shard in ZooKeeper, with node-manatee's way of looking.
//!
//! node-manatee reads `state`, and only then sets a watch. Between the two it notices nothing but another *version*. A node that was
//! deleted and made anew meanwhile has the version 0 again, and is taken for the old one until it changes once more; one that was
//! made after it was found missing is missed. So does this.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::config::ZooKeeperConfig;
use super::journal::Journal;
use super::primary::{Nobody, Shard};
use crate::zookeeper::{
    ClientError, children_and_watch, read, wait_for_change, watch as watch_node,
};

/// The time between attempts to reach ZooKeeper.
const RETRY: Duration = Duration::from_millis(200);

/// The end of a session with ZooKeeper.
#[derive(Debug, thiserror::Error)]
enum Interruption {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Nobody(#[from] Nobody),
}

struct Following<'a> {
    path: &'a str,
    shard: Mutex<Shard>,
    journal: &'a Journal,
    primary: &'a watch::Sender<Option<SocketAddr>>,
}

/// Follows the primary of the shard whose nodes are under a path, until there is nobody who could be it. What was known last is true
/// until ZooKeeper tells otherwise.
pub(super) async fn follow(
    config: &ZooKeeperConfig,
    path: &str,
    journal: &Journal,
    primary: &watch::Sender<Option<SocketAddr>>,
) -> Nobody {
    let following = Following { path, shard: Mutex::default(), journal, primary };
    loop {
        match following.session(config).await {
            Ok(()) => tracing::warn!(path, "the session is over; trying again"),
            Err(Interruption::Client(error)) => tracing::warn!(
                path,
                error = &error as &dyn std::error::Error,
                "cannot follow the shard; trying again"
            ),
            Err(Interruption::Nobody(nobody)) => return nobody,
        }
        tokio::time::sleep(RETRY).await;
    }
}

impl Following<'_> {
    async fn session(&self, config: &ZooKeeperConfig) -> Result<(), Interruption> {
        let client = config.connect().await?;
        let state = format!("{}/state", self.path);
        // Before the election, which would count if there were no state.
        self.see_state(&client, &state).await?;
        tokio::try_join!(self.follow_state(&client, &state), self.follow_election(&client))?;
        Ok(())
    }

    /// Until the session is over.
    async fn follow_state(
        &self,
        client: &zookeeper::Client,
        path: &str,
    ) -> Result<(), Interruption> {
        loop {
            let read = self.see_state(client, path).await?;
            let (version, watcher) = watch_node(client, path).await?;
            if is_another(read, version) {
                self.see_state(client, path).await?;
            }
            if !wait_for_change(watcher).await {
                return Ok(());
            }
        }
    }

    /// Reads `state`. Returns its version.
    async fn see_state(
        &self,
        client: &zookeeper::Client,
        path: &str,
    ) -> Result<Option<i32>, Interruption> {
        let node = read(client, path).await?;
        self.see(|shard| shard.see_state(node.as_ref().map(|node| node.data.as_slice())))?;
        Ok(node.map(|node| node.version))
    }

    /// Until the session is over.
    async fn follow_election(&self, client: &zookeeper::Client) -> Result<(), Interruption> {
        let path = format!("{}/election", self.path);
        loop {
            let (names, watcher) = children_and_watch(client, &path).await?;
            self.see(|shard| shard.see_candidates(names))?;
            if !wait_for_change(watcher).await {
                return Ok(());
            }
        }
    }

    fn see(&self, look: impl FnOnce(&mut Shard) -> Result<(), Nobody>) -> Result<(), Nobody> {
        let mut shard = self.shard.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut shard)?;
        let found = shard.primary();
        let changed = |known: &mut Option<SocketAddr>| {
            if let Some(primary) = found.filter(|_| *known != found)
                && let Err(error) = self.journal.serves(primary)
            {
                tracing::error!(%error, "it cannot be written down whose database is served");
            }
            std::mem::replace(known, found) != found
        };
        if self.primary.send_if_modified(changed) {
            tracing::info!(path = self.path, primary = ?found, "the shard's primary");
        }
        Ok(())
    }
}

/// Tells whether a node is taken to have changed between reading it and watching it, by its versions then; `None`: it was not there.
fn is_another(read: Option<i32>, watched: Option<i32>) -> bool {
    read.zip(watched).is_some_and(|(read, watched)| read != watched)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_another_version_is_noticed_before_the_watch() {
        assert!(is_another(Some(0), Some(1)));
        assert!(is_another(Some(3), Some(0)), "deleted and made anew");
        for (read, watched) in [(Some(0), Some(0)), (None, Some(0)), (Some(0), None), (None, None)]
        {
            assert!(!is_another(read, watched), "{read:?} {watched:?}");
        }
    }
}

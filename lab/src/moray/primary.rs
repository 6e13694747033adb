//! The PostgreSQL server that is the primary of a shard: what the shard's cluster state says, whenever it changes.

use crate::zookeeper::{ClientError, read_and_watch, wait_for_change};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::config::ZooKeeperConfig;

/// The time between attempts to reach ZooKeeper.
const RETRY: Duration = Duration::from_millis(200);

/// Follows the primary of a shard for as long as someone looks at the result. What was known last is true until
/// ZooKeeper tells otherwise.
pub(super) fn follow(config: ZooKeeperConfig, shard: &str) -> watch::Receiver<Option<SocketAddr>> {
    let (sender, receiver) = watch::channel(None);
    let path = format!("/manatee/{shard}/state");
    tokio::spawn(async move {
        tokio::select! {
            () = sender.closed() => {}
            () = sessions(&config, &path, &sender) => {}
        }
    });
    receiver
}

async fn sessions(
    config: &ZooKeeperConfig,
    path: &str,
    primary: &watch::Sender<Option<SocketAddr>>,
) {
    loop {
        match session(config, path, primary).await {
            Ok(()) => tracing::warn!(path, "the session is over; trying again"),
            Err(error) => tracing::warn!(
                path,
                error = &error as &dyn std::error::Error,
                "cannot read the cluster state; trying again"
            ),
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn session(
    config: &ZooKeeperConfig,
    path: &str,
    primary: &watch::Sender<Option<SocketAddr>>,
) -> Result<(), ClientError> {
    let client = config.connect().await?;
    loop {
        let (state, watcher) = read_and_watch(&client, path).await?;
        if let Some(state) = state {
            let found = primary_of(&state.data);
            let changed = |known: &mut Option<SocketAddr>| std::mem::replace(known, found) != found;
            if primary.send_if_modified(changed) {
                tracing::info!(path, primary = ?found, "the shard's primary");
            }
        }
        if !wait_for_change(watcher).await {
            return Ok(());
        }
    }
}

/// The primary's address in a cluster state, from its `pgUrl`: `tcp://postgres@10.0.0.1:5432/postgres`.
fn primary_of(state: &[u8]) -> Option<SocketAddr> {
    let state: Value = serde_json::from_slice(state).ok()?;
    let url = state.get("primary")?.get("pgUrl")?.as_str()?.strip_prefix("tcp://")?;
    let host = url.split_once('@').map_or(url, |(_, host)| host);
    host.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_is_found_in_a_state() {
        let state = br#"{"generation":1,"primary":{"id":"127.0.0.1:5432:12345","ip":"127.0.0.1",
            "pgUrl":"tcp://postgres@127.0.0.1:5432/postgres"},"sync":null,"async":[]}"#;
        assert_eq!(primary_of(state), Some("127.0.0.1:5432".parse().unwrap()));
        for bad in ["", "{}", r#"{"primary":{"pgUrl":"tcp://x:y"}}"#] {
            assert_eq!(primary_of(bad.as_bytes()), None, "{bad}");
        }
    }
}

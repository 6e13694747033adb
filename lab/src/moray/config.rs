//! The configuration files of Moray and its neighbours, as far as they agree.

use crate::zookeeper::ClientError;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::context::ServiceError;

/// The place of ZooKeeper.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ZooKeeperConfig {
    /// Addresses with ports and commas.
    pub(crate) servers: String,
    /// The time for which sessions outlive their processes, in milliseconds. Default: 3000.
    #[serde(default = "default_session_timeout")]
    pub(crate) session_timeout_ms: u64,
}

fn default_session_timeout() -> u64 {
    3000
}

impl ZooKeeperConfig {
    /// Opens a session.
    pub(crate) async fn connect(&self) -> Result<zookeeper::Client, ClientError> {
        let timeout = Duration::from_millis(self.session_timeout_ms);
        crate::zookeeper::connect(&self.servers, timeout).await
    }
}

/// `/opt/smartdc/moray/etc/config.json`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Config {
    /// The shard's name: `1.moray.lab.example.net`.
    pub(super) shard: String,
    pub(super) zookeeper: ZooKeeperConfig,
    /// The zone's address.
    pub(super) ip: Ipv4Addr,
}

/// Reads a configuration file.
pub(crate) async fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ServiceError> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = tokio::fs::read(path).await.map_err(|error| failed(&error))?;
    Ok(serde_json::from_slice(&text).map_err(|error| failed(&error))?)
}

//! The configuration files of Moray and its neighbours, as far as they agree.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::slots::Limits;
use crate::context::ServiceError;
use crate::zookeeper::ClientError;

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

/// `/opt/smartdc/moray/etc/config.json`, as the real Moray has it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Config {
    pub(super) manatee: Database,
    /// The name that it is registered under: `1.moray.lab.example.net`. Default: none.
    #[serde(default)]
    pub(super) service_name: String,
}

/// The database: where it is, and the sessions with it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Database {
    pub(super) manatee: Cluster,
    pub(super) pg: Sessions,
}

/// The shard's cluster in ZooKeeper.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Cluster {
    /// The node above `state` and `election`: `/manatee/1.moray.lab.example.net`.
    pub(super) path: String,
    zk: ClusterZooKeeper,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClusterZooKeeper {
    conn_str: String,
    opts: ClusterZooKeeperOptions,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClusterZooKeeperOptions {
    session_timeout: u64,
}

impl Cluster {
    /// The place of ZooKeeper.
    pub(super) fn zookeeper(&self) -> ZooKeeperConfig {
        let session_timeout_ms = self.zk.opts.session_timeout;
        ZooKeeperConfig { servers: self.zk.conn_str.clone(), session_timeout_ms }
    }
}

/// The sessions with PostgreSQL. What is left out is what the real Moray takes then.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sessions {
    /// The longest that the first attempt to connect may take, in milliseconds.
    #[serde(default = "default_connect_timeout")]
    connect_timeout: u64,
    /// The time between two looks for sessions that broke while nobody used them, in milliseconds.
    #[serde(default = "default_check_interval")]
    check_interval: u64,
    #[serde(default = "default_max_connections")]
    max_connections: usize,
    /// So many are kept open that nobody uses. Default: as many as there may be.
    min_spare_connections: Option<usize>,
    /// So many requests may wait for one. 0: any number.
    #[serde(default = "default_max_queue_length")]
    pub(super) max_queue_length: usize,
    /// Waits that are shorter are in order, in milliseconds.
    #[serde(default = "default_target_claim_delay")]
    target_claim_delay: u64,
}

fn default_connect_timeout() -> u64 {
    1000
}

fn default_check_interval() -> u64 {
    60_000
}

fn default_max_connections() -> usize {
    5
}

fn default_max_queue_length() -> usize {
    2000
}

fn default_target_claim_delay() -> u64 {
    500
}

impl Sessions {
    /// The longest that the first attempt to connect may take.
    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout)
    }

    /// The time between two looks for sessions that broke while nobody used them.
    pub(super) fn check_interval(&self) -> Duration {
        // As often as that is always.
        Duration::from_millis(self.check_interval.max(1))
    }

    /// Waits that are shorter are in order.
    pub(super) fn target_claim_delay(&self) -> Duration {
        Duration::from_millis(self.target_claim_delay)
    }

    /// The limits of their number.
    pub(super) fn limits(&self) -> Limits {
        let most = self.max_connections;
        Limits { most, spare: self.min_spare_connections.unwrap_or(most) }
    }
}

/// Reads a configuration file.
pub(crate) async fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ServiceError> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = tokio::fs::read(path).await.map_err(|error| failed(&error))?;
    Ok(serde_json::from_slice(&text).map_err(|error| failed(&error))?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_out_is_what_the_real_one_takes() {
        let zk =
            json!({"connStr": "10.0.0.1:2181,10.0.0.2:2181", "opts": {"sessionTimeout": 60000}});
        let manatee = json!({"path": "/manatee/1.moray", "zk": zk});
        let config: Config =
            serde_json::from_value(json!({"manatee": {"manatee": manatee, "pg": {}}})).unwrap();
        let Database { manatee, pg } = config.manatee;
        assert_eq!(manatee.zookeeper().servers, "10.0.0.1:2181,10.0.0.2:2181");
        assert_eq!(pg.limits(), Limits { most: 5, spare: 5 });
        assert_eq!(pg.max_queue_length, 2000);
        assert_eq!(pg.check_interval(), Duration::from_mins(1));
        assert_eq!(pg.target_claim_delay(), Duration::from_millis(500));
        let few = json!({"maxConnections": 16, "minSpareConnections": 2, "connectTimeout": 4000});
        let few: Sessions = serde_json::from_value(few).unwrap();
        assert_eq!(few.limits(), Limits { most: 16, spare: 2 });
        assert_eq!(few.connect_timeout(), Duration::from_secs(4));
    }
}

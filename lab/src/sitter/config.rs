//! A sitter's configuration, as config-agent renders it.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::state::Peer;

/// The file in a zone.
pub(super) const PATH: &str = "/opt/smartdc/manatee/etc/sitter.json";

/// `sitter.json`. Read at the start, and never again. Fields that are not here are ignored.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Config {
    /// The node of the shard in ZooKeeper: `/manatee/1.moray.lab.example.net`.
    pub(crate) shard_path: String,
    /// The zone's address.
    pub(crate) ip: Ipv4Addr,
    #[serde(default = "postgres_port")]
    pub(crate) postgres_port: u16,
    #[serde(default = "backup_port")]
    pub(crate) backup_port: u16,
    /// The zone's UUID.
    pub(crate) zone_id: String,
    pub(crate) zookeeper: ZooKeeperConfig,
    #[serde(default)]
    pub(crate) one_node_write_mode: bool,
    /// PostgreSQL's data directory, in the zone.
    #[serde(default = "data_dir")]
    pub(crate) data_dir: PathBuf,
}

/// The way to reach ZooKeeper.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ZooKeeperConfig {
    /// `host:port`, separated by commas.
    pub(crate) servers: String,
    #[serde(default = "session_timeout")]
    session_timeout_ms: u64,
}

fn postgres_port() -> u16 {
    5432
}

fn backup_port() -> u16 {
    12345
}

fn data_dir() -> PathBuf {
    PathBuf::from("/manatee/pg/data")
}

fn session_timeout() -> u64 {
    60_000
}

impl Config {
    /// The peer that this sitter is.
    pub(crate) fn peer(&self) -> Peer {
        let ip = self.ip.to_string();
        Peer::new(self.zone_id.clone(), &ip, self.postgres_port, self.backup_port)
    }

    /// The port on which the status server listens.
    pub(crate) fn status_port(&self) -> u16 {
        self.postgres_port.saturating_add(1)
    }
}

impl ZooKeeperConfig {
    pub(crate) fn session_timeout(&self) -> Duration {
        Duration::from_millis(self.session_timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rendered_configuration_is_read() {
        let text = r#"{"shardPath":"/manatee/1.moray.lab.example.net","ip":"127.77.0.40","postgresPort":5432,
            "backupPort":12345,"zoneId":"aa10c0de-0001-4000-8000-000000000001",
            "zookeeper":{"servers":"127.77.0.10:2181","sessionTimeoutMs":3000},
            "oneNodeWriteMode":false,"dataDir":"/manatee/pg/data","somethingElse":1}"#;
        let config: Config = serde_json::from_str(text).unwrap();
        assert_eq!(config.peer().id, "127.77.0.40:5432:12345");
        assert_eq!(config.status_port(), 5433);
        assert_eq!(config.zookeeper.session_timeout(), Duration::from_secs(3));
    }
}

//! The size that a lab is to have.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LayoutError;

/// The size that a lab is to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Shards of the index, 1 to 16.
    pub shards: u32,
    /// PostgreSQL peers of each shard: 1 (one-node-write mode) or 2 and more.
    pub peers: u32,
    /// Moray zones of each shard.
    pub morays: u32,
    /// Zones of electric-moray, 1 to 48.
    pub routers: u32,
    /// electric-moray processes in each of its zones, 1 to 4.
    pub router_instances: u32,
    /// Compute nodes.
    pub servers: u32,
    /// Vnodes of the ring.
    pub vnodes: u32,
    /// Objects that are there from the beginning.
    pub objects: u64,
    /// The seed from which the random contents are derived.
    pub seed: u64,
    /// The timeout of ZooKeeper sessions: production has 60 s.
    pub session_timeout: Duration,
    /// The least time that a job of VMAPI takes.
    pub job_duration: Duration,
    /// The time between two questions of config-agent to SAPI: production has 120 s.
    pub config_poll: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shards: 2,
            peers: 3,
            morays: 1,
            routers: 2,
            router_instances: 4,
            servers: 3,
            vnodes: 16_384,
            objects: 20_000,
            seed: 1,
            session_timeout: Duration::from_secs(3),
            job_duration: Duration::from_millis(200),
            config_poll: Duration::from_secs(10),
        }
    }
}

impl Options {
    /// Tells whether there can be such a lab.
    pub(crate) fn check(&self) -> Result<(), LayoutError> {
        let ranges: [(&'static str, u64, u64, u64); 8] = [
            ("shards", self.shards.into(), 1, 16),
            ("peers", self.peers.into(), 1, 6),
            ("morays", self.morays.into(), 1, 4),
            ("routers", self.routers.into(), 1, 48),
            ("router-instances", self.router_instances.into(), 1, 4),
            ("servers", self.servers.into(), 1, 64),
            ("vnodes", self.vnodes.into(), 16, 10_000_000),
            ("objects", self.objects, 0, 100_000_000),
        ];
        for (option, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(LayoutError::OutOfRange { option, value, least, most });
            }
        }
        Ok(())
    }
}

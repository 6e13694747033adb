//! The shards that a plan creates.

use serde::{Deserialize, Serialize};

use super::NewZone;

/// A shard that a plan creates. Its name is the key of [`Plan::new_shards`](super::Plan::new_shards).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewShard {
    /// Its number, the name's first part.
    pub number: u32,
    /// Its peers in the order of the chain: primary, sync, asyncs.
    pub peers: Vec<NewZone>,
    /// Its Moray zones.
    pub morays: Vec<NewZone>,
}

//! What an operator asks for.

use std::collections::BTreeMap;

use manatee_client::ShardName;
use sapi_client::{ImageUuid, ServerUuid};
use serde::{Deserialize, Serialize};

use crate::VnodeSet;

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The shard that is to be split.
    pub source: ShardName,
    /// How many new shards there shall be, 1 to 16.
    pub new_shards: u32,
    /// Their numbers; empty for the next free ones.
    pub numbers: Vec<u32>,
    /// Which vnodes move.
    pub selection: Selection,
    /// How the new shards are laid out.
    pub layout: Layout,
    /// The servers for new zones; empty for the planner's choice.
    pub servers: Vec<ServerUuid>,
    /// The image of new peers, if not the one of the source's.
    pub postgres_image: Option<ImageUuid>,
    /// The image of new Moray zones, if not the one of the source's.
    pub moray_image: Option<ImageUuid>,
    /// Moray zones of each new shard.
    pub morays: u32,
    /// Split the source though it is the storage or the Marlin shard.
    pub allow_storage_shard: bool,
    /// How long writes may be refused, in seconds; absent for twice the prediction.
    pub budget_seconds: Option<u64>,
}

impl Request {
    /// Half of a shard's vnodes for one new shard of three peers; everything else is the planner's choice.
    pub fn new(source: ShardName) -> Self {
        Self {
            source,
            new_shards: 1,
            numbers: Vec::new(),
            selection: Selection::Count,
            layout: Layout::ThreePeers,
            servers: Vec::new(),
            postgres_image: None,
            moray_image: None,
            morays: 1,
            allow_storage_shard: false,
            budget_seconds: None,
        }
    }
}

/// How new shards are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// One peer in one-node-write mode: for laboratories, it cannot fail over.
    OnePeer,
    /// Primary, sync and async.
    ThreePeers,
}

impl Layout {
    /// Peers of a shard.
    pub fn peers(self) -> usize {
        match self {
            Self::OnePeer => 1,
            Self::ThreePeers => 3,
        }
    }
}

/// Which vnodes move. With N new shards the source keeps one part of N + 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// Equal parts by the number of vnodes, taken evenly from all of the ring.
    Count,
    /// Equal parts by rows; needs a measurement.
    Rows,
    /// Equal parts by bytes; needs a measurement.
    Bytes,
    /// These vnodes, dealt out evenly to the new shards.
    Listed(VnodeSet),
    /// For each new shard, by number, the part of the source's rows that it gets, in percent; needs a measurement.
    Shares(BTreeMap<u32, f64>),
    /// For each new shard, by number, its vnodes.
    Chosen(BTreeMap<u32, VnodeSet>),
}

impl Selection {
    /// Whether rows and bytes have to be known for it.
    pub fn needs_measurement(&self) -> bool {
        match self {
            Self::Rows | Self::Bytes | Self::Shares(_) => true,
            Self::Count | Self::Listed(_) | Self::Chosen(_) => false,
        }
    }
}

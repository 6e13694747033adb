//! The request of an operator.

use std::collections::BTreeMap;

use manatee_client::ShardName;
use sapi_client::{ImageUuid, ServerUuid};
use serde::{Deserialize, Serialize};

use super::Mode;
use crate::VnodeSet;

/// A split as an operator asks for it.
///
/// ```
/// use reshard_core::{Layout, Request, Selection};
///
/// let request = Request::new("2.moray.example.com".parse()?)
///     .with_new_shards(3)
///     .with_selection(Selection::Rows)
///     .with_budget_seconds(2);
/// assert_eq!(request.layout, Layout::ThreePeers);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Request {
    /// The mode in which vnodes are to be moved.
    pub mode: Mode,
    /// The shard that is to be split.
    pub source: ShardName,
    /// The number of new shards, 1 to 16.
    pub new_shards: u32,
    /// Their numbers; empty for the next free ones.
    pub numbers: Vec<u32>,
    /// The choice of the vnodes that move.
    pub selection: Selection,
    /// The layout of the new shards.
    pub layout: Layout,
    /// The servers for new zones; empty for the planner's choice.
    pub servers: Vec<ServerUuid>,
    /// The image of new peers, if not the one of the source's.
    pub postgres_image: Option<ImageUuid>,
    /// The image of new Moray zones, if not the one of the source's.
    pub moray_image: Option<ImageUuid>,
    /// Moray zones of each new shard; absent for the [fewest](Mode::fewest_morays) of the mode.
    pub morays: Option<u32>,
    /// Split the source though it is the storage or the Marlin shard.
    pub allow_storage_shard: bool,
    /// The longest that requests may wait for a guarded cutover, in seconds; absent for one. In the mode `rfd103` the longest that
    /// writes may be refused; absent for twice the prediction.
    pub budget_seconds: Option<u64>,
}

impl Request {
    /// Half of a shard's vnodes for one new shard of three peers; everything else is the planner's choice.
    pub fn new(source: ShardName) -> Self {
        Self {
            mode: Mode::default(),
            source,
            new_shards: 1,
            numbers: Vec::new(),
            selection: Selection::Count,
            layout: Layout::ThreePeers,
            servers: Vec::new(),
            postgres_image: None,
            moray_image: None,
            morays: None,
            allow_storage_shard: false,
            budget_seconds: None,
        }
    }

    /// Chooses how vnodes are moved.
    #[must_use]
    pub fn with_mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// Asks for so many new shards, 1 to 16.
    #[must_use]
    pub fn with_new_shards(self, new_shards: u32) -> Self {
        Self { new_shards, ..self }
    }

    /// Chooses the numbers of the new shards, one for each.
    #[must_use]
    pub fn with_numbers(self, numbers: impl IntoIterator<Item = u32>) -> Self {
        Self { numbers: numbers.into_iter().collect(), ..self }
    }

    /// Chooses the vnodes that move.
    #[must_use]
    pub fn with_selection(self, selection: Selection) -> Self {
        Self { selection, ..self }
    }

    /// Chooses the layout of the new shards.
    #[must_use]
    pub fn with_layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    /// Chooses the servers that new zones are put on.
    #[must_use]
    pub fn with_servers(self, servers: impl IntoIterator<Item = ServerUuid>) -> Self {
        Self { servers: servers.into_iter().collect(), ..self }
    }

    /// Chooses the image of new peers.
    #[must_use]
    pub fn with_postgres_image(self, image: ImageUuid) -> Self {
        Self { postgres_image: Some(image), ..self }
    }

    /// Chooses the image of new Moray zones.
    #[must_use]
    pub fn with_moray_image(self, image: ImageUuid) -> Self {
        Self { moray_image: Some(image), ..self }
    }

    /// The number of Moray zones that each new shard gets.
    pub fn morays_of_each(&self) -> u32 {
        self.morays.unwrap_or_else(|| self.mode.fewest_morays()).max(1)
    }

    /// Chooses the number of Moray zones of each new shard.
    #[must_use]
    pub fn with_morays(self, morays: u32) -> Self {
        Self { morays: Some(morays), ..self }
    }

    /// Allows the source to be the storage or the Marlin shard.
    #[must_use]
    pub fn with_storage_shard_allowed(self) -> Self {
        Self { allow_storage_shard: true, ..self }
    }

    /// Limits for how long requests may wait, or writes be refused, in seconds.
    #[must_use]
    pub fn with_budget_seconds(self, seconds: u64) -> Self {
        Self { budget_seconds: Some(seconds), ..self }
    }
}

/// The layout of new shards.
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

/// The choice of the vnodes that move. With N new shards the source keeps one part of N + 1.
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
    /// True if rows and bytes have to be known for it.
    pub fn needs_measurement(&self) -> bool {
        match self {
            Self::Rows | Self::Bytes | Self::Shares(_) => true,
            Self::Count | Self::Listed(_) | Self::Chosen(_) => false,
        }
    }
}

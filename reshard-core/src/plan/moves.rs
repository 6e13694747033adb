//! The moves of a plan.

use manatee_client::ShardName;
use serde::{Deserialize, Serialize};

use crate::VnodeSet;

/// A move of vnodes from one shard to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// The shard that has them.
    pub from: ShardName,
    /// The shard that gets them.
    pub to: ShardName,
    /// The vnodes.
    pub vnodes: VnodeSet,
}

//! Plans: what is going to be done, decided before anything is done.

mod actions;
mod budget;
mod copies;
mod costs;
mod diff;
mod error;
mod hash;
mod ids;
mod invalid;
mod make;
mod mode;
mod moves;
mod new_shard;
mod new_zone;
mod parts;
mod place;
mod pnodes;
mod predict;
mod request;
mod risks;
mod select;
mod split;
mod target;
#[cfg(test)]
pub(crate) mod tests;
mod valid;

#[cfg(test)]
pub(crate) use self::budget::MOST_ROUNDS_BACK;
pub(crate) use self::budget::{BESIDES, SLOWER, way_back};
pub use self::costs::Costs;
pub(crate) use self::costs::ROUTER_CONCURRENCY;
pub use self::diff::PlanDifference;
pub use self::error::PlanError;
pub use self::invalid::InvalidPlan;
pub use self::mode::Mode;
pub use self::moves::Move;
pub use self::new_shard::NewShard;
pub use self::new_zone::NewZone;
#[cfg(test)]
pub(crate) use self::predict::predict;
pub(crate) use self::predict::{longest_zone, router_rounds};
pub use self::request::{Layout, Request, Selection};
pub use self::target::Target;
#[cfg(test)]
pub(crate) use self::tests::example;
pub use self::valid::ValidPlan;

use std::collections::BTreeMap;

use jiff::Timestamp;
use manatee_client::ShardName;
use sapi_client::ServerUuid;
use serde::{Deserialize, Serialize};

use crate::inventory::Inventory;
pub use crate::plan_uuid::{InvalidPlanUuid, PlanUuid};

/// The version of the document that this library writes, and the only one that it reads.
pub const PLAN_VERSION: u32 = 2;

/// A plan: which vnodes move where, everything that is going to be done for it, and what it will cost.
///
/// This is the document. Whatever carries it out takes a [`ValidPlan`], whose parts fit each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_VERSION`]
    pub version: u32,
    /// Names the plan; everything that it creates has the tag `manta_reshard_plan` with it.
    pub uuid: PlanUuid,
    /// The time at which it was made.
    pub created: Timestamp,
    /// The request that it was made for.
    pub request: Request,
    /// The inventory at the time when it was made.
    pub inventory: Inventory,
    /// The moves of vnodes from shard to shard, in order.
    pub moves: Vec<Move>,
    /// The shards that the plan creates. Their order is that of their names as text; that of the moves is the plan's.
    pub new_shards: BTreeMap<ShardName, NewShard>,
    /// The actions that are going to be done, in order, in words.
    pub actions: Vec<Action>,
    /// Its predicted cost.
    pub prediction: Prediction,
    /// The source and the new shards before and after.
    pub balance: Vec<Balance>,
    /// The risks that the operator should know before starting.
    pub risks: Vec<String>,
    /// SHA-256 of the document without this member, in hexadecimal digits.
    pub hash: String,
}

/// One line of what is going to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The phase that does it.
    pub phase: String,
    /// The action, in words.
    pub what: String,
    /// True if it is done while writes to the moving vnodes are refused.
    pub in_write_block: bool,
}

/// The predicted cost of a plan. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// The time for which writes to the moving vnodes are refused.
    pub write_block_seconds: f64,
    /// The parts that this was computed from: what takes how many seconds.
    pub write_block_parts: Vec<(String, f64)>,
    /// The time that one of its rounds over all electric-morays takes; absent in plans of before it was written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router_round_seconds: Option<f64>,
    /// The time that everything takes.
    pub total_seconds: f64,
    /// The parts of that.
    pub total_parts: Vec<(String, f64)>,
    /// Disk that the new peers need on each server, in bytes.
    pub disk: Vec<(ServerUuid, u64)>,
    /// Rows that are deleted at the end, on both sides together.
    pub ghost_rows: Option<u64>,
}

/// A shard before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Balance {
    /// The shard.
    pub shard: ShardName,
    /// Its vnodes before and after.
    pub vnodes: (u64, u64),
    /// Its rows before and after, where they were counted.
    pub rows: Option<(u64, u64)>,
    /// Their bytes before and after, where they were counted.
    pub bytes: Option<(u64, u64)>,
}

//! The copies that a plan drops.

use super::{Request, ValidPlan};
use crate::inventory::{Inventory, ShardFacts};
use crate::rows::UnshardedTable;

/// The tables whose copies a plan drops at its new shards: those that are not sharded and that not every shard has, if the
/// source is the region's storage or Marlin shard and may be split all the same.
pub(super) fn copies_to_drop(
    request: &Request,
    inventory: &Inventory,
    facts: &ShardFacts,
) -> Vec<UnshardedTable> {
    let source = request.source.as_str();
    let holds_them =
        source == inventory.storage_shard || inventory.marlin_shard.as_deref() == Some(source);
    if !holds_them || !request.allow_storage_shard {
        return Vec::new();
    }
    let of_region = |table: &&UnshardedTable| !table.every_shard_has_one;
    facts.tables.unsharded.iter().filter(of_region).cloned().collect()
}

impl ValidPlan {
    /// The tables whose copies are dropped at the new shards.
    pub(crate) fn copies_to_drop(&self) -> Vec<UnshardedTable> {
        copies_to_drop(&self.request, &self.inventory, self.source_facts())
    }
}

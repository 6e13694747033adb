//! The keeper of each row after a split.

use fash::Vnode;
use manatee_client::ShardName;

use crate::VnodeSet;
use crate::keys::KeyHash;

/// The shards that keep the source's rows after its split, and which rows each keeps.
#[derive(Clone, Debug)]
pub struct Split {
    hash: KeyHash,
    /// The source, then the targets.
    shards: Vec<ShardName>,
    /// For each vnode its keeper's position in `shards`.
    keepers: Vec<u8>,
}

impl Split {
    /// The split in which these targets get these vnodes, at most 255 of them. Rows that move to none of them the source keeps,
    /// whatever their vnodes.
    pub fn new<'a>(
        hash: KeyHash,
        source: ShardName,
        targets: impl IntoIterator<Item = (&'a ShardName, &'a VnodeSet)>,
    ) -> Self {
        let size = usize::try_from(hash.vnode_count()).unwrap_or(usize::MAX);
        let mut keepers = vec![0; size];
        let mut shards = vec![source];
        for (place, (shard, vnodes)) in (1_u8..).zip(targets) {
            shards.push(shard.clone());
            for vnode in vnodes.iter() {
                let index = usize::try_from(vnode.number()).unwrap_or(usize::MAX);
                if let Some(keeper) = keepers.get_mut(index) {
                    *keeper = place;
                }
            }
        }
        Self { hash, shards, keepers }
    }

    /// The hashing of keys.
    pub fn hash(&self) -> &KeyHash {
        &self.hash
    }

    /// The source, then the targets.
    pub fn shards(&self) -> &[ShardName] {
        &self.shards
    }

    /// The source.
    pub fn source(&self) -> Option<&ShardName> {
        self.shards.first()
    }

    /// The position in [`Split::shards`] of the shard that keeps a row: the one at which the routers look for its key.
    pub fn keeper(&self, table: &str, key: &str) -> usize {
        self.hash.vnode_of_key(table, key).map_or(0, |vnode| self.keeper_of(vnode))
    }

    /// The position in [`Split::shards`] of the shard that keeps the rows of a vnode.
    pub fn keeper_of(&self, vnode: Vnode) -> usize {
        let index = usize::try_from(vnode.number()).ok();
        index.and_then(|index| self.keepers.get(index)).map_or(0, |keeper| usize::from(*keeper))
    }
}

#[cfg(test)]
mod tests {
    use fash::{Algorithm, Interval};
    use proptest::prelude::*;

    use super::*;

    fn shard(number: u32) -> ShardName {
        format!("{number}.moray.lab.example.net").parse().unwrap()
    }

    proptest! {
        #[test]
        fn every_row_has_one_keeper_and_it_is_the_owner_of_its_vnode(
            keys in proptest::collection::vec("(/[a-z0-9é]{1,6}){2,4}", 1..40),
            moved in proptest::collection::vec(0u32..64, 0..40),
            targets in 1u32..5,
        ) {
            let hash = KeyHash::new(Interval::new(Algorithm::Sha256, 64), 64);
            let sets: Vec<(ShardName, VnodeSet)> = (0..targets)
                .map(|n| {
                    let own = |v: &&u32| **v % targets == n;
                    (shard(n + 10), moved.iter().filter(own).copied().map(Vnode::from).collect())
                })
                .collect();
            let pairs = sets.iter().map(|(name, vnodes)| (name, vnodes));
            let split = Split::new(hash.clone(), shard(1), pairs);
            for key in keys {
                let vnode = hash.vnode_of_key("manta", &key).unwrap();
                let owner = sets.iter().position(|(_, set)| set.contains(vnode));
                prop_assert_eq!(split.keeper("manta", &key), owner.map_or(0, |at| at + 1));
            }
        }
    }
}

//! The plan in the ring's words.

use fash::{EmptyPnode, Move, Pnode};
use manatee_client::ShardName;

use super::{Plan, Target};
use crate::VnodeSet;
use crate::inventory::pnode_name;

fn pnode_of(shard: &ShardName) -> Result<Pnode, EmptyPnode> {
    pnode_name(shard).parse()
}

impl Target {
    /// Its name in the ring.
    ///
    /// # Errors
    ///
    /// None in practice: no shard's name is empty.
    pub fn pnode(&self) -> Result<Pnode, EmptyPnode> {
        pnode_of(&self.name)
    }
}

impl Plan {
    /// The source's name in the ring.
    ///
    /// # Errors
    ///
    /// None in practice: no shard's name is empty.
    pub fn source_pnode(&self) -> Result<Pnode, EmptyPnode> {
        pnode_of(&self.request.source)
    }

    /// The vnodes that move in the ring.
    ///
    /// # Errors
    ///
    /// None in practice: no shard's name is empty.
    pub fn moves(&self) -> Result<Vec<Move>, EmptyPnode> {
        let one = |target: &Target| {
            Ok(Move { vnodes: target.vnodes.as_slice().to_vec(), to: target.pnode()? })
        };
        self.targets.iter().map(one).collect()
    }

    /// All vnodes that move.
    pub fn moving(&self) -> VnodeSet {
        self.targets.iter().flat_map(|target| target.vnodes.iter()).collect()
    }

    /// The names of the new shards.
    pub fn target_names(&self) -> Vec<String> {
        self.targets.iter().map(|target| target.name.to_string()).collect()
    }
}

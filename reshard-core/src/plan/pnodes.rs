//! The plan in the ring's words.

use fash::{EmptyPnode, Move, Pnode};
use manatee_client::ShardName;

use super::{Target, ValidPlan};
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

impl ValidPlan {
    /// The source's name in the ring.
    ///
    /// # Errors
    ///
    /// None in practice: no shard's name is empty.
    pub fn source_pnode(&self) -> Result<Pnode, EmptyPnode> {
        pnode_of(self.source())
    }

    /// The vnodes that move in the ring.
    ///
    /// # Errors
    ///
    /// None in practice: no shard's name is empty.
    pub fn ring_moves(&self) -> Result<Vec<Move>, EmptyPnode> {
        let one = |target: &Target| {
            Ok(Move { vnodes: target.vnodes.as_slice().to_vec(), to: target.pnode()? })
        };
        self.targets().iter().map(one).collect()
    }
}

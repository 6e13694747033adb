//! The split that a ring is, seen from one shard.

use manatee_client::ShardName;

use super::RingFacts;
use crate::rows::{RowsError, Split};

impl Split {
    /// As a ring has it, seen from one shard: that is the source, and all others of the ring are targets.
    ///
    /// # Errors
    ///
    /// [`RowsError::Ring`] if the ring has what is no shard, or too many.
    pub fn of_ring(ring: &RingFacts, holder: &ShardName) -> Result<Self, RowsError> {
        let mut others = Vec::new();
        for facts in &ring.pnodes {
            let shard: Option<ShardName> = facts.host().and_then(|host| host.parse().ok());
            let shard = shard.ok_or_else(|| RowsError::Ring {
                problem: format!("has the pnode {}, which is no shard", facts.pnode),
            })?;
            if shard != *holder {
                others.push((shard, &facts.vnodes));
            }
        }
        if others.len() > usize::from(u8::MAX) {
            let problem = format!("has {} shards, more than can be told apart here", others.len());
            return Err(RowsError::Ring { problem });
        }
        let targets = others.iter().map(|(shard, vnodes)| (shard, *vnodes));
        Ok(Self::new(ring.hashing.clone(), holder.clone(), targets))
    }
}

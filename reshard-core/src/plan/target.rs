//! A move and the new shard that it goes to, put together.

use std::collections::BTreeMap;

use manatee_client::ShardName;

use super::{Move, NewShard, NewZone};
use crate::VnodeSet;

/// A new shard, with the vnodes that move to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name, such as `3.moray.coal.joyent.us`.
    pub name: ShardName,
    /// Its number, the name's first part.
    pub number: u32,
    /// The vnodes that move to it from the source.
    pub vnodes: VnodeSet,
    /// Its peers in the order of the chain: primary, sync, asyncs.
    pub peers: Vec<NewZone>,
    /// Its Moray zones.
    pub morays: Vec<NewZone>,
}

impl Target {
    /// Puts a move and its new shard together.
    pub(super) fn of(one: &Move, shard: &NewShard) -> Self {
        let NewShard { number, peers, morays } = shard.clone();
        Self { name: one.to.clone(), number, vnodes: one.vnodes.clone(), peers, morays }
    }

    /// All its zones.
    pub fn zones(&self) -> impl Iterator<Item = &NewZone> {
        self.peers.iter().chain(&self.morays)
    }
}

/// Takes targets apart: the moves from their source, in their order, and the new shards.
pub(super) fn taken_apart(
    source: &ShardName,
    targets: Vec<Target>,
) -> (Vec<Move>, BTreeMap<ShardName, NewShard>) {
    let part = |target: Target| {
        let Target { name, number, vnodes, peers, morays } = target;
        let one = Move { from: source.clone(), to: name.clone(), vnodes };
        (one, (name, NewShard { number, peers, morays }))
    };
    targets.into_iter().map(part).unzip()
}

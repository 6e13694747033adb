//! Judging whether something is still needed. No I/O.

use std::collections::BTreeMap;

use fash::Vnode;
use manatee_client::{ClusterState, Peer, Role, ShardName, ZoneId};
use sapi_client::{Attributes, ImageUuid, InstanceUuid};

use super::Need;
use crate::inventory::{PnodeFacts, RingFacts, pnode_name};
use crate::keys::KeyHash;
use crate::shards::{is_of, listed_in};

/// The region's own word on what is in use.
#[derive(Clone, Debug, PartialEq)]
pub struct Serving {
    /// The ring that SAPI names.
    pub ring: NamedRing,
    /// The metadata of SAPI's application `manta`, with its lists of shards.
    pub metadata: Attributes,
    /// The states of all shards in ZooKeeper.
    pub states: BTreeMap<ShardName, ClusterState>,
}

/// The ring that SAPI names, as far as it tells what is in use.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedRing {
    /// Its image.
    pub image: ImageUuid,
    /// Its hashing of keys.
    pub hashing: KeyHash,
    /// Every shard with its vnodes.
    pub pnodes: Vec<PnodeFacts>,
}

impl From<RingFacts> for NamedRing {
    fn from(facts: RingFacts) -> Self {
        Self { image: facts.image, hashing: facts.hashing, pnodes: facts.pnodes }
    }
}

/// The work that a plan has done itself on a new shard before it serves anybody: that alone keeps nothing from being rolled back.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnWork<'a> {
    /// The first states that it wrote.
    pub states: &'a [(ShardName, ClusterState)],
}

impl OwnWork<'_> {
    fn wrote(&self, shard: &ShardName, state: &ClusterState) -> bool {
        self.states.iter().any(|(name, first)| name == shard && is_of(state, first))
    }
}

impl NamedRing {
    /// The need of the ring for a shard, if it leads anybody there.
    pub fn needs_shard(&self, shard: &ShardName) -> Option<Need> {
        self.needs(shard, |_| true)
    }

    fn needs(&self, shard: &ShardName, counts: impl Fn(Vnode) -> bool) -> Option<Need> {
        let pnode = pnode_name(shard);
        let facts = self.pnodes.iter().find(|facts| facts.pnode == pnode)?;
        let vnodes = facts.vnodes.iter().filter(|vnode| counts(*vnode)).count();
        let (image, shard) = (self.image, shard.clone());
        (vnodes > 0).then_some(Need::Ring { image, shard, vnodes })
    }

    /// The need for the rows of some vnodes at a shard: the ring still has those vnodes there. `hashing` is how the vnodes
    /// of rows are told.
    pub fn needs_rows(
        &self,
        shard: &ShardName,
        hashing: &KeyHash,
        goes: impl Fn(Vnode) -> bool,
    ) -> Option<Need> {
        if *hashing != self.hashing {
            return Some(Need::OtherHash { image: self.image });
        }
        self.needs(shard, goes)
    }

    /// The need for an image of a ring.
    pub fn needs_image(&self, image: ImageUuid) -> Option<Need> {
        (image == self.image).then_some(Need::Image { image })
    }
}

impl Serving {
    /// Everything that needs a shard: its zones, its state, its name and its place in lists have to stay then.
    pub fn needs_shard(&self, shard: &ShardName, own: OwnWork<'_>) -> Vec<Need> {
        let mut needs = Vec::new();
        needs.extend(self.ring.needs_shard(shard));
        needs.extend(
            listed_in(&self.metadata, shard)
                .into_iter()
                .map(|listed| Need::Listed { shard: shard.clone(), key: listed.key }),
        );
        let foreign = self.states.get(shard).filter(|state| !own.wrote(shard, state));
        needs.extend(foreign.map(|state| Need::Established {
            shard: shard.clone(),
            primary: state.primary.zone_id.clone(),
        }));
        needs
    }

    /// Everything that needs a zone: it is the primary or the sync of a shard. Asyncs come and go.
    pub fn needs_zone(&self, zone: InstanceUuid, own: OwnWork<'_>) -> Vec<Need> {
        let zone = ZoneId::from(zone.to_string().as_str());
        let others = self.states.iter().filter(|(shard, state)| !own.wrote(shard, state));
        others
            .filter_map(|(shard, state)| {
                let (primary, sync) = (Some(&state.primary), state.sync.as_ref());
                let all = [(Role::Primary, primary), (Role::Sync, sync)];
                let is_it = |peer: Option<&Peer>| peer.is_some_and(|peer| peer.zone_id == zone);
                let (role, _) = all.into_iter().find(|(_, peer)| is_it(*peer))?;
                Some(Need::Peer { zone: zone.clone(), shard: shard.clone(), role })
            })
            .collect()
    }

    /// Everything that needs the tables of a shard that are not sharded: SAPI names it as the one that keeps them.
    pub fn needs_unsharded_tables(&self, shard: &ShardName) -> Vec<Need> {
        let keeps = listed_in(&self.metadata, shard).into_iter();
        keeps
            .filter(|listed| KEEPERS.contains(&listed.key.as_str()))
            .map(|listed| Need::Listed { shard: shard.clone(), key: listed.key })
            .collect()
    }
}

/// The metadata that names shards with tables that are not sharded.
const KEEPERS: [&str; 2] = ["STORAGE_MORAY_SHARD", "MARLIN_MORAY_SHARD"];

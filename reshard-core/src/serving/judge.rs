//! Judging whether something is still needed. No I/O.

use std::collections::BTreeMap;

use fash::Vnode;
use manatee_client::{ClusterState, Peer, Role, ShardName, ZoneId};
use sapi_client::{Attributes, ImageUuid, InstanceUuid};

use super::Need;
use crate::inventory::{PnodeFacts, RingFacts, pnode_name};
use crate::keys::KeyHash;
use crate::shards::{is_of, listed_in};

/// What a region says for itself of what is in use.
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
    /// How it hashes keys.
    pub hashing: KeyHash,
    /// Every shard with its vnodes.
    pub pnodes: Vec<PnodeFacts>,
}

impl From<RingFacts> for NamedRing {
    fn from(facts: RingFacts) -> Self {
        Self { image: facts.image, hashing: facts.hashing, pnodes: facts.pnodes }
    }
}

/// What a plan has done itself to a new shard before it serves anybody: that alone keeps nothing from being taken back.
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
    /// What needs a shard: its zones, its state, its name and its place in lists have to stay then.
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

    /// What needs a zone: it is the primary or the sync of a shard. Asyncs come and go.
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

    /// What needs the tables of a shard that are not sharded: SAPI names it as the one that keeps them.
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use manatee_client::{Freeze, initial_state};
    use serde_json::json;

    use super::*;
    use crate::plan::example;

    fn shard(number: u32) -> ShardName {
        format!("{number}.moray.lab.example.net").parse().unwrap()
    }

    fn zone(number: u32) -> String {
        format!("aa10c0de-{number:04}-4000-8000-000000000001")
    }

    /// A state with these zones as primary, sync and asyncs.
    fn state(zones: &[u32]) -> ClusterState {
        let peer = |number: &u32| {
            let zone = ZoneId::from(zone(*number).as_str());
            Peer::new(zone, &format!("10.0.0.{number}"), 5432, 12345)
        };
        let freeze = Freeze::new(Timestamp::UNIX_EPOCH, "reshard", "p");
        let wal: manatee_client::Lsn = "0/5A0001F8".parse().unwrap();
        initial_state(zones.iter().map(peer).collect(), wal, freeze).unwrap()
    }

    /// Two shards with vnodes in the ring; the second is shard 2, whose chain ends with the zones 7 and 8.
    fn serving() -> Serving {
        let plan = "3d0e5c1a-7b1f-4b6e-9a41-6f3d7f0e2b55".parse().unwrap();
        let inventory = example(plan).inventory;
        let listed = json!([{"host": "1.moray.lab.example.net"}, {"host": "2.moray.lab.example.net", "last": true}]);
        let metadata = Attributes::new()
            .with("INDEX_MORAY_SHARDS", listed)
            .with("STORAGE_MORAY_SHARD", "1.moray.lab.example.net");
        let states = BTreeMap::from([(shard(2), state(&[4, 5, 7, 8]))]);
        Serving { ring: inventory.ring.into(), metadata, states }
    }

    #[test]
    fn a_shard_that_nobody_knows_is_needed_by_nothing() {
        assert_eq!(serving().needs_shard(&shard(3), OwnWork::default()), []);
    }

    #[test]
    fn a_shard_is_needed_for_each_of_ring_list_and_state() {
        let mut serving = serving();
        let needs = serving.needs_shard(&shard(2), OwnWork::default());
        let said: Vec<String> = needs.iter().map(Need::to_string).collect();
        assert!(said[0].contains(&serving.ring.image.to_string()), "{said:?}");
        assert!(said[0].contains("vnodes at 2.moray.lab.example.net"), "{said:?}");
        assert_eq!(said[1], "SAPI's INDEX_MORAY_SHARDS lists 2.moray.lab.example.net");
        assert!(said[2].contains(&format!("has the primary {}", zone(4))), "{said:?}");
        assert_eq!(said.len(), 3);
        // Without vnodes the ring needs it no more; the others do.
        for facts in &mut serving.ring.pnodes {
            facts.vnodes = [].into_iter().collect();
        }
        assert_eq!(serving.needs_shard(&shard(2), OwnWork::default()), needs[1..]);
    }

    #[test]
    fn the_state_that_the_plan_wrote_itself_keeps_nothing_and_any_other_does() {
        let mut serving = serving();
        let (first, other) = (state(&[7, 8, 9]), state(&[8, 7, 9]));
        serving.states.insert(shard(3), first.clone());
        let own = [(shard(3), first)];
        let own = OwnWork { states: &own };
        assert_eq!(serving.needs_shard(&shard(3), own), []);
        assert_eq!(serving.needs_zone(zone(7).parse().unwrap(), own), []);
        // An older journal does not know that it wrote it.
        assert!(matches!(
            &serving.needs_shard(&shard(3), OwnWork::default())[..],
            [Need::Established { .. }]
        ));
        serving.states.insert(shard(3), other);
        assert!(matches!(
            &serving.needs_shard(&shard(3), own)[..],
            [Need::Established { primary, .. }] if primary.as_str() == zone(8)
        ));
    }

    #[test]
    fn asyncs_may_go_and_whoever_takes_or_confirms_writes_may_not() {
        let serving = serving();
        let needs = |number| serving.needs_zone(zone(number).parse().unwrap(), OwnWork::default());
        assert_eq!((needs(7), needs(8), needs(9)), (vec![], vec![], vec![]));
        let promoted = [(4, Role::Primary), (5, Role::Sync)];
        for (number, role) in promoted {
            let (zone, shard) = (ZoneId::from(zone(number).as_str()), shard(2));
            assert_eq!(needs(number), [Need::Peer { zone, shard, role }]);
        }
    }

    #[test]
    fn rows_go_only_where_the_ring_does_not_have_their_vnodes() {
        let ring = serving().ring;
        let hashing = ring.hashing.clone();
        let of = |number: u32| {
            let pnode = pnode_name(&shard(number));
            ring.pnodes.iter().find(|facts| facts.pnode == pnode).unwrap().vnodes.clone()
        };
        let (own, others) = (of(2), of(1));
        assert_eq!(ring.needs_rows(&shard(2), &hashing, |vnode| others.contains(vnode)), None);
        let last = own.iter().last().unwrap();
        assert_eq!(
            ring.needs_rows(&shard(2), &hashing, |vnode| vnode == last),
            Some(Need::Ring { image: ring.image, shard: shard(2), vnodes: 1 })
        );
        let other = KeyHash::new(fash::Interval::new(fash::Algorithm::Sha256, 7), 7);
        let unknown = ring.needs_rows(&shard(2), &other, |_| false);
        assert_eq!(unknown, Some(Need::OtherHash { image: ring.image }));
    }

    #[test]
    fn only_the_image_that_is_named_is_needed_and_only_where_tables_are_kept() {
        let serving = serving();
        let image = serving.ring.image;
        assert_eq!(serving.ring.needs_image(image), Some(Need::Image { image }));
        assert_eq!(serving.ring.needs_image(uuid::Uuid::nil().into()), None);
        assert_eq!(serving.needs_unsharded_tables(&shard(2)), []);
        let keeper = Need::Listed { shard: shard(1), key: "STORAGE_MORAY_SHARD".to_owned() };
        assert_eq!(serving.needs_unsharded_tables(&shard(1)), [keeper]);
    }
}

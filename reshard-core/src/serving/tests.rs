//! A region that serves, and what of it is needed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use manatee_client::{ClusterState, Freeze, Peer, Role, ShardName, ZoneId, initial_state};
use sapi_client::Attributes;
use serde_json::json;

use super::*;
use crate::inventory::pnode_name;
use crate::keys::KeyHash;
use crate::plan::example;

pub(crate) fn shard(number: u32) -> ShardName {
    format!("{number}.moray.lab.example.net").parse().unwrap()
}

fn zone(number: u32) -> String {
    format!("aa10c0de-{number:04}-4000-8000-000000000001")
}

/// A state with these zones as primary, sync and asyncs.
pub(crate) fn state(zones: &[u32]) -> ClusterState {
    let peer = |number: &u32| {
        let zone = ZoneId::from(zone(*number).as_str());
        Peer::new(zone, &format!("10.0.0.{number}"), 5432, 12345)
    };
    let freeze = Freeze::new(Timestamp::UNIX_EPOCH, "reshard", "p");
    let wal: manatee_client::Lsn = "0/5A0001F8".parse().unwrap();
    initial_state(zones.iter().map(peer).collect(), wal, freeze).unwrap()
}

/// Two shards with vnodes in the ring; the second is shard 2, whose chain ends with the zones 7 and 8.
pub(crate) fn serving() -> Serving {
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

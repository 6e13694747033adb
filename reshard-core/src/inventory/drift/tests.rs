//! Tests of what is noticed, and what is not.

use manatee_client::Role;
use proptest::prelude::*;

use super::*;
use crate::plan::tests::{inventory, source};
use crate::rows::{Flaw, LeftAlone, UnshardedTable};

fn drifted(change: impl FnOnce(&mut Inventory)) -> Vec<(DriftSeverity, String)> {
    let was = inventory(2, 64);
    let mut is = was.clone();
    change(&mut is);
    let drifts = drift(&was, &is, &Expected::default());
    drifts.iter().map(|drift| (drift.severity, drift.to_string())).collect()
}

fn refused(change: impl FnOnce(&mut Inventory), words: &str) {
    let drifts = drifted(change);
    let hit = drifts.iter().any(|(severity, text)| *severity == REFUSE && text.contains(words));
    assert!(hit, "{words}: {drifts:?}");
}

fn mentioned(change: impl FnOnce(&mut Inventory), words: &str) {
    let drifts = drifted(change);
    let all = drifts.iter().all(|(severity, _)| *severity == MENTION);
    assert!(all && drifts.iter().any(|(_, text)| text.contains(words)), "{words}: {drifts:?}");
}

#[test]
fn what_a_plan_depends_on_must_not_change() {
    refused(|is| is.ring.sha1 = "other".to_owned(), "SHA-1");
    let swap = |is: &mut Inventory| {
        let mut vnodes: Vec<_> = is.ring.pnodes.iter().map(|of| of.vnodes.clone()).collect();
        vnodes.reverse();
        for (pnode, vnodes) in is.ring.pnodes.iter_mut().zip(vnodes) {
            pnode.vnodes = vnodes;
        }
    };
    refused(swap, "of them others");
    refused(|is| source(is).postgres = "9.6.3".to_owned(), "PostgreSQL's version");
    refused(|is| drop(source(is).peers.pop()), "was there, is gone");
    let image = |is: &mut Inventory| {
        for peer in &mut source(is).peers {
            peer.zone.image = uuid::Uuid::from_u128(78).into();
        }
    };
    refused(image, "the image of the peer");
    refused(|is| is.shards.clear(), "the shard 2.moray.lab.example.net: was inventoried");
    refused(|is| drop(is.routers.pop()), "the router");
    refused(|is| drop(is.routers[0].instances.pop()), "what runs in");
    refused(|is| is.index_shards = Value::Null, "INDEX_MORAY_SHARDS");
    let overrides = |is: &mut Inventory| {
        source(is).pg_config_overrides = Some(serde_json::json!({"max_connections": 500}));
    };
    refused(overrides, "PG_CONFIG_OVERRIDES");
}

#[test]
fn the_tables_that_a_plan_moves_must_not_change() {
    refused(|is| drop(source(is).tables.sharded.pop()), "public.manta_uploads: was there, is gone");
    let column = |is: &mut Inventory| source(is).tables.sharded[1].columns.push("_rver int".into());
    refused(column, "the columns of the table public.manta: was without more, is _rver int");
    let renamed = |is: &mut Inventory| source(is).tables.sharded[0].schema = "other".to_owned();
    refused(renamed, "other.manta_directory_counts: was not there");
    let new = |is: &mut Inventory| {
        let mut table = source(is).tables.sharded[0].clone();
        table.name = "mine".to_owned();
        source(is).tables.sharded.push(table);
    };
    refused(new, "the table public.mine: was not there");
    let turned = |is: &mut Inventory| {
        let table = source(is).tables.unsharded[0].table.clone();
        source(is).tables.sharded.push(table);
    };
    refused(turned, "public.manta_delete_log: was a bucket without vnodes");
    let unlogged = |is: &mut Inventory| {
        let table = source(is).tables.sharded.pop().unwrap();
        source(is).tables.left_alone.push(left_alone(&table.name, Flaw::Unlogged));
    };
    refused(unlogged, "public.manta_uploads: was a bucket, is unlogged");
    // A bucket whose last row with a vnode was deleted is the same; a copy that somebody makes is no business of the plan.
    let emptied = |is: &mut Inventory| {
        let table = source(is).tables.sharded.pop().unwrap();
        source(is).tables.unsharded.push(UnshardedTable { table, every_shard_has_one: false });
    };
    assert_eq!(drifted(emptied), []);
    let copied = |is: &mut Inventory| {
        source(is).tables.left_alone.push(left_alone("manta_copy", Flaw::NoBucket));
    };
    mentioned(copied, "public.manta_copy");
}

fn left_alone(name: &str, why: Flaw) -> LeftAlone {
    LeftAlone { schema: "public".to_owned(), name: name.to_owned(), is_bucket: false, why }
}

#[test]
fn what_changes_all_the_time_may() {
    assert_eq!(drifted(|_| ()), []);
    assert_eq!(drifted(|is| is.taken += std::time::Duration::from_mins(1)), []);
    assert_eq!(drifted(|is| source(is).wal_bytes_per_second += 1), []);
    assert_eq!(drifted(|is| source(is).database_bytes += 1), []);
    mentioned(|is| source(is).database_bytes += 1 << 45, "the size of");
    mentioned(|is| source(is).generation += 1, "generation");
    mentioned(|is| source(is).peers[1].role = Role::Async, "the role of");
    mentioned(|is| is.servers[0].usable = false, "not usable");
    mentioned(|is| is.ring.image = uuid::Uuid::from_u128(77).into(), "the image of the ring");
    mentioned(|is| is.shard_names.push("99.moray.x".parse().unwrap()), "99.moray.x");
}

#[test]
fn what_the_plan_did_itself_is_no_drift() {
    let was = inventory(2, 64);
    let mut is = was.clone();
    let mut peer = source(&mut is).peers[2].clone();
    peer.zone.place.zone = uuid::Uuid::from_u128(79).into();
    let expected = Expected {
        zones: [peer.zone.place.zone].into(),
        shards: ["3.moray.x".to_owned()].into(),
        ring: None,
    };
    source(&mut is).peers.push(peer);
    is.shard_names.push("3.moray.x".parse().unwrap());
    assert_eq!(drift(&was, &is, &expected), []);
    let foreign = drift(&was, &is, &Expected::default());
    assert_eq!(foreign.iter().filter(|drift| drift.severity == REFUSE).count(), 1);
}

proptest! {
    #[test]
    fn every_vnode_that_moved_is_noticed(vnode in 0u32..64) {
        let was = inventory(2, 64);
        let mut is = was.clone();
        let vnode = fash::Vnode::new(vnode);
        let moved: crate::VnodeSet = [vnode].into_iter().collect();
        for pnode in &mut is.ring.pnodes {
            pnode.vnodes = if pnode.vnodes.contains(vnode) {
                pnode.vnodes.minus(&moved)
            } else {
                pnode.vnodes.iter().chain([vnode]).collect()
            };
        }
        let drifts = drift(&was, &is, &Expected::default());
        prop_assert_eq!(drifts.len(), 2);
        prop_assert!(drifts.iter().any(|drift| drift.severity == REFUSE));
        // And the other way round.
        prop_assert_eq!(drift(&is, &was, &Expected::default()).len(), 2);
    }

    #[test]
    fn orders_do_not_matter(seed in 0usize..24) {
        let was = inventory(3, 64);
        let mut is = was.clone();
        is.routers.rotate_left(seed % was.routers.len().max(1));
        is.servers.rotate_left(seed % was.servers.len().max(1));
        is.ring.pnodes.rotate_left(seed % was.ring.pnodes.len().max(1));
        is.shard_names.reverse();
        prop_assert_eq!(drift(&was, &is, &Expected::default()), []);
    }
}

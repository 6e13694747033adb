//! Plans of an invented region.

use fash::{Algorithm, Interval, Vnode};
use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;

use manatee_client::Role;

use super::*;
use crate::deployment::ZonePlace;
use crate::inventory::{
    PeerFacts, PnodeFacts, RingFacts, RouterFacts, RouterInstance, ServerFacts, Services,
    ShardFacts, ZoneFacts,
};
use crate::keys::KeyHash;
use crate::measure::{Measurement, Method, TableMeasurement, VnodeMeasurement};
use crate::rows::{Flaw, LeftAlone, Table, Tables, UnshardedTable};

fn id<T: From<uuid::Uuid>>(number: u128) -> T {
    uuid::Uuid::from_u128(number).into()
}

fn zone(number: u128) -> ZoneFacts {
    ZoneFacts {
        place: ZonePlace {
            zone: id(number),
            server: id(1000 + number % 3),
            datacenter: "lab-1".to_owned(),
        },
        alias: format!("zone-{number}"),
        ip: format!("10.0.0.{number}"),
        image: id(2000),
    }
}

/// The tables of an index shard.
fn tables() -> Tables {
    let table = |name: &str| Table {
        schema: "public".to_owned(),
        name: name.to_owned(),
        columns: vec!["_key text not null".to_owned(), "_vnode bigint".to_owned()],
    };
    let sharded = ["manta_directory_counts", "manta", "manta_uploads"].map(table);
    let log = UnshardedTable { table: table("manta_delete_log"), every_shard_has_one: true };
    Tables { sharded: sharded.into(), unsharded: vec![log], left_alone: Vec::new() }
}

/// A region of so many shards, each with its part of so many vnodes; shard 2 is the one to be split.
pub(crate) fn inventory(shards: u32, vnodes: u32) -> Inventory {
    let name = |number: u32| format!("{number}.moray.lab.example.net").parse().unwrap();
    let pnodes = (1..=shards).map(|number| PnodeFacts {
        pnode: format!("tcp://{number}.moray.lab.example.net:2020"),
        vnodes: (0..vnodes).filter(|v| v % shards == number - 1).map(Vnode::new).collect(),
    });
    let peers = [(1, Role::Primary), (2, Role::Sync), (3, Role::Async)].map(|(number, role)| {
        let zone = zone(number);
        let id = manatee_client::ZoneId::from(zone.place.zone.to_string().as_str());
        PeerFacts { peer: manatee_client::Peer::new(id, &zone.ip, 5432, 12345), zone, role }
    });
    let facts = ShardFacts {
        generation: 1,
        peers: peers.into(),
        morays: vec![zone(9)],
        postgres: "15.18".to_owned(),
        database_bytes: 1 << 30,
        wal_bytes_per_second: 1000,
        pg_config_overrides: None,
        tables: tables(),
    };
    let servers = (0..3).map(|number| ServerFacts {
        uuid: id(1000 + number),
        hostname: format!("server-{number}"),
        datacenter: "lab-1".to_owned(),
        usable: true,
        free_bytes: Some(1 << 40),
        source_peers: vec![id(number + 1)],
    });
    let instances = (2021..2025).map(|port| RouterInstance {
        instance: format!("electric-moray-{port}"),
        port,
        status_port: port + 2000,
        ring: format!("/electric-moray/chash/leveldb-{port}"),
        stamp: None,
    });
    Inventory {
        taken: Timestamp::UNIX_EPOCH,
        region: "lab".to_owned(),
        dns_domain: "example.net".to_owned(),
        application: id(3000),
        poseidon: id(3001),
        services: Services { postgres: id(3002), moray: id(3003) },
        ring: RingFacts {
            image: id(3004),
            sha1: "0".repeat(40),
            size: 1,
            imgapi: "http://10.0.0.1".to_owned(),
            vnode_count: vnodes,
            hashing: KeyHash::new(Interval::new(Algorithm::Sha256, vnodes), vnodes),
            pnodes: pnodes.collect(),
        },
        index_shards: json!([]),
        storage_shard: "1.moray.lab.example.net".to_owned(),
        marlin_shard: None,
        shard_names: (1..=shards).map(name).collect(),
        shards: BTreeMap::from([(name(2), facts)]),
        routers: vec![RouterFacts { zone: zone(10), instances: instances.collect() }],
        servers: servers.collect(),
        measurement: None,
    }
}

/// The facts about the shard to be split.
pub(crate) fn source(inventory: &mut Inventory) -> &mut ShardFacts {
    inventory.shards.values_mut().next().unwrap()
}

pub(crate) fn request() -> Request {
    Request::new("2.moray.lab.example.net".parse().unwrap()).with_mode(Mode::Rfd103)
}

/// A plan for tests of other things.
pub(crate) fn example(uuid: PlanUuid) -> Plan {
    let inventory = inventory(2, 100);
    Plan::make(uuid, Timestamp::UNIX_EPOCH, request(), inventory, &Costs::default()).unwrap()
}

pub(crate) fn make(request: Request, inventory: Inventory) -> Result<Plan, PlanError> {
    let uuid = "3d0e5c1a-7b1f-4b6e-9a41-6f3d7f0e2b55".parse().unwrap();
    Plan::make(uuid, Timestamp::UNIX_EPOCH, request, inventory, &Costs::default())
}

fn measured(inventory: &mut Inventory, rows: impl Fn(u32) -> u64) {
    let source = &inventory.ring.pnodes[1].vnodes;
    let vnodes = source.iter().map(|vnode| {
        let rows = rows(vnode.number());
        VnodeMeasurement { vnode, rows, bytes: rows * 1431, rows_of_last_day: 0 }
    });
    let table = TableMeasurement {
        table: "manta".to_owned(),
        vnodes: vnodes.collect(),
        without_vnode: 3,
        without_mtime: 0,
    };
    inventory.measurement = Some(Measurement {
        shard: request().source,
        taken: Timestamp::UNIX_EPOCH,
        method: Method::Exact,
        tables: vec![table],
    });
}

#[test]
fn a_shard_in_two() {
    let plan = make(request(), inventory(2, 1000)).unwrap();
    let [one] = plan.moves.as_slice() else { panic!("one move") };
    assert_eq!(one.from, plan.request.source);
    assert_eq!(one.to.as_str(), "3.moray.lab.example.net");
    assert_eq!(one.vnodes.len(), 250);
    // A peer on each server.
    let mut servers: Vec<_> =
        plan.new_shards[&one.to].peers.iter().map(|peer| peer.server).collect();
    servers.sort_unstable();
    servers.dedup();
    assert_eq!(servers.len(), 3);
    assert_eq!(plan.balance[0].vnodes, (500, 250));
    assert!(plan.hash_is_right());
}

#[test]
fn what_was_previewed_is_what_runs() {
    let plan = make(request(), inventory(2, 1000)).unwrap();
    let json = serde_json::to_string(&plan).unwrap();
    let mut read: Plan = serde_json::from_str(&json).unwrap();
    assert_eq!(read, plan);
    assert!(read.hash_is_right());
    read.moves[0].vnodes = "1".parse().unwrap();
    assert!(!read.hash_is_right());
    assert!(plan.differences(&plan).is_empty());
    let paths: Vec<_> = plan.differences(&read).into_iter().map(|found| found.path).collect();
    assert_eq!(paths, ["moves.0.vnodes"]);
}

#[test]
fn names_are_free_ones() {
    let mut busy = inventory(2, 1000);
    busy.shard_names.push("7.moray.lab.example.net".parse().unwrap());
    let four = Request { new_shards: 3, ..request() };
    let numbers = |plan: &Plan| {
        plan.moves.iter().map(|one| plan.new_shards[&one.to].number).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&make(four.clone(), busy.clone()).unwrap()), [8, 9, 10]);
    let asked = Request { numbers: vec![5, 3, 4], ..four.clone() };
    assert_eq!(numbers(&make(asked, busy.clone()).unwrap()), [3, 4, 5]);
    for taken in [[7, 8, 9], [3, 3, 4]] {
        let asked = Request { numbers: taken.into(), ..four.clone() };
        assert!(matches!(make(asked, busy.clone()), Err(PlanError::NameTaken { .. })));
    }
    let many = Request { new_shards: 17, ..request() };
    assert!(matches!(make(many, busy), Err(PlanError::ShardCount { .. })));
}

#[test]
fn what_cannot_be_done_is_refused() {
    let of = |change: &dyn Fn(&mut Request, &mut Inventory)| {
        let (mut request, mut inventory) = (request(), inventory(2, 1000));
        change(&mut request, &mut inventory);
        make(request, inventory).unwrap_err()
    };
    let storage = |_: &mut Request, inventory: &mut Inventory| {
        inventory.storage_shard = "2.moray.lab.example.net".to_owned();
    };
    assert!(matches!(of(&storage), PlanError::StorageShard { what: "storage", .. }));
    let marlin = |_: &mut Request, inventory: &mut Inventory| {
        inventory.marlin_shard = Some("2.moray.lab.example.net".to_owned());
    };
    assert!(matches!(of(&marlin), PlanError::StorageShard { what: "Marlin", .. }));
    let single = |_: &mut Request, inventory: &mut Inventory| source(inventory).peers.truncate(1);
    assert!(matches!(of(&single), PlanError::OneNodeWrite));
    let other = |request: &mut Request, _: &mut Inventory| {
        request.source = "1.moray.lab.example.net".parse().unwrap();
    };
    assert_eq!(
        of(&other).to_string(),
        "the inventory is of the shard 2.moray.lab.example.net, and the plan is for 1.moray.lab.example.net"
    );
    let full = |_: &mut Request, inventory: &mut Inventory| {
        inventory.servers[0].free_bytes = Some(1 << 20);
    };
    assert!(matches!(of(&full), PlanError::NoRoom { .. }));
    let unknown = |request: &mut Request, _: &mut Inventory| request.servers = vec![id(77)];
    assert!(matches!(of(&unknown), PlanError::Server { .. }));
    let down = |_: &mut Request, inventory: &mut Inventory| {
        inventory.servers.iter_mut().for_each(|server| server.usable = false);
    };
    assert!(matches!(of(&down), PlanError::NoServer));
}

#[test]
fn by_rows_the_heaviest_half_stays() {
    let mut inventory = inventory(2, 1000);
    measured(&mut inventory, |vnode| u64::from(vnode % 97));
    let plan = make(Request { selection: Selection::Rows, ..request() }, inventory).unwrap();
    let (before, after) = plan.balance[0].rows.unwrap();
    let (_, moved) = plan.balance[1].rows.unwrap();
    assert_eq!(after + moved, before);
    assert!(after.abs_diff(moved) <= 1, "{after} stay and {moved} go");
    // Both sides hold everything after the split, so that each row is a ghost at one of them.
    assert_eq!(plan.prediction.ghost_rows, Some(before));
    assert!(plan.risks.iter().any(|risk| risk.contains("3 rows have no _vnode")));
}

#[test]
fn a_plan_names_its_tables_and_what_it_leaves_alone() {
    let mut inventory = inventory(2, 1000);
    source(&mut inventory).tables.left_alone.push(LeftAlone {
        schema: "public".to_owned(),
        name: "manta_before_upgrade".to_owned(),
        is_bucket: false,
        why: Flaw::NoBucket,
    });
    let plan = make(request(), inventory).unwrap();
    let deletion = plan.actions.iter().find(|action| action.phase == "delete-ghosts").unwrap();
    assert!(deletion.what.contains("public.manta_directory_counts"), "{deletion:?}");
    let told = |risk: &String| risk.contains("public.manta_before_upgrade (not in buckets_config)");
    assert!(plan.risks.iter().any(told), "{:?}", plan.risks);
}

#[test]
fn the_write_block_is_the_sum_of_its_parts() {
    let plan = make(request(), inventory(2, 1000)).unwrap();
    let sum: f64 = plan.prediction.write_block_parts.iter().map(|(_, seconds)| seconds).sum();
    assert!((sum - plan.prediction.write_block_seconds).abs() < 1e-9);
    assert!(plan.prediction.write_block_seconds > 0.0);
}

#[test]
fn every_phase_is_told_in_the_order_of_the_mode() {
    for mode in [Mode::Rfd103, Mode::Guarded] {
        let plan = make(request().with_mode(mode), inventory(2, 1000)).unwrap();
        let sequence = mode.sequence().unwrap();
        let mut told: Vec<_> = plan
            .actions
            .iter()
            .map(|action| (action.phase.as_str(), action.in_write_block))
            .collect();
        told.dedup();
        let phases: Vec<_> =
            sequence.iter().map(|step| (step.name(), step.write_block().touches())).collect();
        assert_eq!(told, phases);
    }
}

#[test]
fn a_guarded_plan_has_requests_wait_for_a_second_at_most() {
    let plan = make(request().with_mode(Mode::Guarded), inventory(2, 1000)).unwrap();
    assert_eq!(plan.budget(None), Duration::from_secs(1));
    assert_eq!(plan.budget(Some(3)), Duration::from_secs(3));
    assert!(plan.prediction.write_block_seconds < 1.0, "{:?}", plan.prediction);
    let sum: f64 = plan.prediction.total_parts.iter().map(|(_, seconds)| seconds).sum();
    assert!((sum - plan.prediction.total_seconds).abs() < 1e-9);
    assert!(!plan.risks.iter().any(|risk| risk.contains("refused")), "{:?}", plan.risks);
}

proptest! {
    #[test]
    fn every_vnode_is_somewhere(shards in 2u32..6, vnodes in 100u32..2000, new in 1u32..5) {
        let inventory = inventory(shards, vnodes);
        let source = inventory.ring.pnodes[1].vnodes.clone();
        let plan = make(Request { new_shards: new, ..request() }, inventory).unwrap();
        let plan = ValidPlan::new(plan).unwrap();
        let moved = plan.moving();
        prop_assert_eq!(plan.moves.iter().map(|one| one.vnodes.len()).sum::<usize>(), moved.len());
        prop_assert_eq!(source.minus(&moved).len() + moved.len(), source.len());
        prop_assert_eq!(plan.balance[0].vnodes.1, (source.len() - moved.len()) as u64);
    }
}

#[test]
fn a_budget_without_room_for_the_way_back_makes_no_plan() {
    let with = |seconds| make(request().with_budget_seconds(seconds), inventory(2, 1000));
    let PlanError::Budget { seconds: 8, predicted, needed } = with(8).unwrap_err() else {
        panic!("another error")
    };
    assert!(
        Duration::from_secs(needed) > Duration::from_secs_f64(predicted),
        "{needed} {predicted}"
    );
    assert!(with(needed - 1).is_err());
    assert!(with(needed).is_ok());
}

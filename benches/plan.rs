//! Planning: a ring of a million vnodes on 200 shards, of which one is split.
//!
//! `region.json` is the inventory of a lab (`reshard plan show -o json`) without its ring and its measurement.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run may stop")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use fash::{Algorithm, Interval, Vnode};
use jiff::Timestamp;
use reshard_core::{
    Costs, Inventory, KeyHash, Measurement, Method, Plan, PlanUuid, PnodeFacts, Request, Selection,
    TableMeasurement, VnodeMeasurement, VnodeSet,
};

const VNODES: u32 = 1_000_000;
const SHARDS: u32 = 200;
const SOURCE: u32 = 2;

fn shard(number: u32) -> String {
    format!("{number}.moray.lab.example.net")
}

/// The inventory with a ring in which every shard has as many vnodes, and rows in every vnode of the source.
fn inventory() -> Inventory {
    let mut inventory: Inventory = serde_json::from_str(include_str!("region.json")).unwrap();
    let vnodes = |number: u32| -> VnodeSet {
        (number - 1..VNODES).step_by(SHARDS as usize).map(Vnode::new).collect()
    };
    inventory.ring.vnode_count = VNODES;
    inventory.ring.hashing = KeyHash::new(Interval::new(Algorithm::Sha256, VNODES), VNODES);
    inventory.ring.pnodes = (1..=SHARDS)
        .map(|number| PnodeFacts {
            pnode: format!("tcp://{}:2020", shard(number)),
            vnodes: vnodes(number),
        })
        .collect();
    inventory.shard_names = (1..=SHARDS).map(|number| shard(number).parse().unwrap()).collect();
    let counted = |vnode: Vnode| {
        let rows = u64::from(vnode.number() % 1009);
        VnodeMeasurement { vnode, rows, bytes: rows * 700, rows_of_last_day: 3 }
    };
    let table = |name: &str| TableMeasurement {
        table: name.to_owned(),
        vnodes: vnodes(SOURCE).iter().map(counted).collect(),
        without_vnode: 0,
        without_mtime: 0,
    };
    inventory.measurement = Some(Measurement {
        shard: shard(SOURCE).parse().unwrap(),
        taken: Timestamp::UNIX_EPOCH,
        method: Method::Exact,
        tables: ["manta", "manta_directory_counts", "manta_uploads"].map(table).to_vec(),
    });
    inventory
}

fn request(selection: Selection, new_shards: u32) -> Request {
    let source = shard(SOURCE).parse().unwrap();
    Request::new(source).with_new_shards(new_shards).with_selection(selection)
}

fn plan(criterion: &mut Criterion) {
    let inventory = inventory();
    let mut group = criterion.benchmark_group(format!("plan {VNODES} vnodes on {SHARDS} shards"));
    group.sample_size(10);
    for (name, selection, new_shards) in [
        ("1 to 2 by count", Selection::Count, 1),
        ("1 to 2 by rows", Selection::Rows, 1),
        ("1 to 17 by rows", Selection::Rows, 16),
    ] {
        let request = request(selection, new_shards);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || (request.clone(), inventory.clone()),
                |(request, inventory)| {
                    let uuid = PlanUuid::random();
                    Plan::make(uuid, Timestamp::UNIX_EPOCH, request, inventory, &Costs::default())
                        .unwrap()
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, plan);
criterion_main!(benches);

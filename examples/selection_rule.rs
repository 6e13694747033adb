//! A rule of one's own for which vnodes move: here, whatever grew most on the last day.
//!
//! `cargo run -p examples --example selection_rule`

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::collections::BTreeMap;
use std::error::Error;

use fash::Vnode;
use jiff::Timestamp;
use reshard_core::{Measurement, Method, Selection, TableMeasurement, VnodeMeasurement, VnodeSet};

/// The vnodes that grew most, until they make so many percent of all growth.
fn fastest_growing(measurement: &Measurement, percent: u64) -> VnodeSet {
    let mut growth: BTreeMap<Vnode, u64> = BTreeMap::new();
    for counted in measurement.tables.iter().flat_map(|table| &table.vnodes) {
        *growth.entry(counted.vnode).or_default() += counted.rows_of_last_day;
    }
    let wanted = growth.values().sum::<u64>() * percent / 100;
    let mut by_growth: Vec<(Vnode, u64)> = growth.into_iter().collect();
    by_growth.sort_by_key(|&(vnode, grown)| (std::cmp::Reverse(grown), vnode));
    let mut sum = 0;
    by_growth
        .into_iter()
        .take_while(|(_, grown)| {
            let wants_more = sum < wanted;
            sum += grown;
            wants_more
        })
        .map(|(vnode, _)| vnode)
        .collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    // `reshard_core::measure` counts a real shard; this is an invented one.
    let vnodes = (0..1000).map(|number| VnodeMeasurement {
        vnode: Vnode::new(number),
        rows: 1000,
        bytes: 1_431_000,
        rows_of_last_day: u64::from(number % 10) * u64::from(number % 7),
    });
    let measurement = Measurement {
        shard: "2.moray.lab.example.net".parse()?,
        taken: Timestamp::now(),
        method: Method::Exact,
        tables: vec![TableMeasurement {
            table: "manta".to_owned(),
            vnodes: vnodes.collect(),
            without_vnode: 0,
            without_mtime: 0,
        }],
    };
    let moving = fastest_growing(&measurement, 50);
    println!("{} of 1000 vnodes make half of the growth: {moving}", moving.len());

    // This goes into a `Request`.
    let selection = Selection::Chosen([(3, moving)].into());
    println!("{}", serde_json::to_string(&selection)?);
    Ok(())
}

//! `reshard measure`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use clap::Args;
use manatee_client::ShardName;
use reshard_core::quantity::{bytes, count};
use reshard_core::rows::connect_last;
use reshard_core::{
    Deployment, Inventory, MeasureOptions, Measurement, Method, SystemClock, VnodeSet, gather,
    measure,
};

use super::complete;
use super::error::Result;
use super::format::Format;
use super::place::{Cache, Region};
use super::shard_arg::ShardArg;
use crate::output::Output;
use crate::progress::spinner;
use crate::table::Table;

/// The longest time that one statement may take.
const STATEMENT: Duration = Duration::from_mins(1);
/// The number of vnodes that are printed.
const SHOWN: usize = 15;

/// RFD 103 step 1: count the rows and bytes of every vnode of a shard
///
/// It reads from the last peer of the chain, a few megabytes at a time. Rows without a `_vnode` are counted where their
/// keys belong.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard measure 2.moray.coal.joyent.us
  reshard measure 2.moray.coal.joyent.us --sample 5 -o json")]
pub(super) struct MeasureArgs {
    /// The shard; its number is enough
    #[arg(add = complete::shards())]
    shard: ShardArg,
    #[command(flatten)]
    region: Region,
    /// Read only this percentage of the pages, chosen at random
    #[arg(long, value_name = "PERCENT")]
    sample: Option<f64>,
    #[command(flatten)]
    cache: Cache,
    /// Output format; JSON has every vnode
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl MeasureArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let cache = self.cache.open()?;
        let deployment = self.region.connect().await?;
        let shard = self.shard.resolve(&deployment).await?;
        let inventory = gather(&deployment, &shard, cache.path(), &SystemClock, &|_| {}).await?;
        let measurement = measured(&deployment, &shard, &inventory, self.sample).await?;
        if self.output.is_json() {
            return Ok(out.json(&measurement)?);
        }
        show(&measurement, out)
    }
}

/// Measures a shard of the ring in an inventory, with progress on standard error.
pub(super) async fn measured(
    deployment: &Deployment,
    shard: &ShardName,
    inventory: &Inventory,
    sample: Option<f64>,
) -> Result<Measurement> {
    let database = connect_last(deployment, shard, STATEMENT).await?;
    let options = MeasureOptions {
        share: sample.map(|percent| percent / 100.0),
        vnodes: inventory.ring.vnodes_of(shard).map_or(1, VnodeSet::len),
        ..MeasureOptions::default()
    };
    let bar = spinner();
    let on_progress = |progress: reshard_core::MeasureProgress| {
        let reshard_core::MeasureProgress { table, done, total } = progress;
        bar.set_message(format!("counting {table}: {done} of {total} pages"));
    };
    let hashing = &inventory.ring.hashing;
    let measurement =
        measure(&database, shard, hashing, &options, &SystemClock, &on_progress).await;
    bar.finish_and_clear();
    Ok(measurement?)
}

fn show(measurement: &Measurement, out: &mut Output) -> Result<()> {
    match measurement.method {
        Method::Exact => writeln!(out, "{}, every row counted", measurement.shard)?,
        Method::Sampled { share, relative_error } => writeln!(
            out,
            "{}, from {:.1} % of the pages; the standard error of a vnode of mean size is {:.0} %",
            measurement.shard,
            share * 100.0,
            relative_error * 100.0
        )?,
    }
    let mut sums: BTreeMap<fash::Vnode, (u64, u64, u64)> = BTreeMap::new();
    let mut table =
        Table::new(["TABLE", "VNODES", "ROWS", "SIZE", "NO _VNODE"]).numbers(&[1, 2, 3, 4]);
    for counted in &measurement.tables {
        let (mut rows, mut size) = (0, 0);
        for vnode in &counted.vnodes {
            let sum = sums.entry(vnode.vnode).or_default();
            sum.0 += vnode.rows;
            sum.1 += vnode.bytes;
            sum.2 += vnode.rows_of_last_day;
            rows += vnode.rows;
            size += vnode.bytes;
        }
        table.row([
            counted.table.clone(),
            count(counted.vnodes.len() as u64),
            count(rows),
            bytes(size),
            count(counted.without_vnode),
        ]);
    }
    out.table(table)?;
    writeln!(out)?;
    let undated: u64 = measurement.tables.iter().map(|table| table.without_mtime).sum();
    if undated > 0 {
        let undated = count(undated);
        let text =
            format_args!("{undated} rows have no _mtime and are not among those of the last day");
        out.text("", text)?;
        writeln!(out)?;
    }
    let mut heaviest: Vec<_> = sums.into_iter().collect();
    heaviest.sort_by_key(|&(vnode, (rows, ..))| (Reverse(rows), vnode));
    let mut table =
        Table::new(["VNODE", "ROWS", "SIZE", "ROWS OF LAST DAY"]).numbers(&[0, 1, 2, 3]);
    for &(vnode, (rows, size, new)) in heaviest.iter().take(SHOWN) {
        table.row([vnode.to_string(), count(rows), bytes(size), count(new)]);
    }
    out.table(table)?;
    if heaviest.len() > SHOWN {
        writeln!(
            out,
            "and {} more vnodes; -o json has them",
            count((heaviest.len() - SHOWN) as u64)
        )?;
    }
    Ok(())
}

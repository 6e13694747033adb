use std::io::Write;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use fash::Statistics;

use super::error::Result;
use super::source::RingArgs;
use crate::output::Output;

/// Show how evenly a ring's vnodes are spread over its pnodes
///
/// The skew is the number of vnodes of the fullest pnode over the mean: 1 is perfectly even.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:
  fash stats -b leveldb -l ring")]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    ring: RingArgs,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

impl StatsArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        let statistics = self.ring.open()?.load()?.statistics();
        if self.json {
            return Ok(out.json(&statistics)?);
        }
        Ok(write!(out, "{}", table(&statistics))?)
    }
}

fn table(statistics: &Statistics) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["PNODE", "VNODES", "SHARE", "DATA", "READ-ONLY"]);
    for of in &statistics.pnodes {
        table.add_row([
            of.pnode.to_string(),
            of.vnodes.to_string(),
            format!("{:.2}%", 100.0 * of.share),
            of.with_data.to_string(),
            of.read_only.to_string(),
        ]);
    }
    let Statistics { vnodes, with_data, read_only, skew, algorithm, .. } = statistics;
    table.add_row([
        "total".to_owned(),
        vnodes.to_string(),
        "100.00%".to_owned(),
        with_data.to_string(),
        read_only.to_string(),
    ]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let table = table.trim_fmt();
    let rows: Vec<&str> = table.lines().map(str::trim).collect();
    format!("{}\n\nskew {skew:.3}, hashed with {algorithm}\n", rows.join("\n"))
}

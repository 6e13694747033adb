//! `reshard shards`.

use std::io::Write;

use clap::Args;
use reshard_core::quantity::{bytes, count};
use reshard_core::shards::{EveryShard, ShardLine, every_shard};

use super::error::Result;
use super::format::Format;
use super::place::{Cache, Region};
use crate::output::{Output, say};
use crate::screen::Mood;
use crate::table::Table;

/// List all shards: peers, vnodes, rows, and what is unusual
///
/// Rows are PostgreSQL's estimates, of the buckets whose rows belong to vnodes. SKEW is how many times as many rows a shard
/// has as the mean shard of the ring. A shard that does not answer is listed as such. Nothing is changed.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard shards
  reshard shards -o json")]
pub(super) struct ShardsArgs {
    #[command(flatten)]
    region: Region,
    #[command(flatten)]
    cache: Cache,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl ShardsArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let cache = self.cache.open()?;
        let deployment = self.region.connect().await?;
        let every = every_shard(&deployment, cache.path()).await;
        if self.output.is_json() {
            return Ok(out.json(&every)?);
        }
        show(&every, out)
    }
}

fn show(every: &EveryShard, out: &mut Output) -> Result<()> {
    let header = ["SHARD", "PEERS", "VNODES", "ROWS", "SKEW", "SIZE", "STATE"];
    let mut table = Table::new(header).numbers(&[1, 2, 3, 4, 5]);
    for line in &every.shards {
        let mood = if line.trouble.is_some() { Mood::Bad } else { Mood::Plain };
        table.row_in(mood, row(line));
    }
    out.table(table)?;
    for line in &every.shards {
        if let Some(trouble) = &line.trouble {
            writeln!(out, "{}: {trouble}", line.shard)?;
        }
    }
    for unknown in &every.unknown {
        say(unknown);
    }
    Ok(())
}

fn row(line: &ShardLine) -> [String; 7] {
    fn shown<T: ToString>(number: Option<T>) -> String {
        number.map_or_else(|| "-".to_owned(), |number| number.to_string())
    }
    [
        line.shard.to_string(),
        shown(line.peers),
        shown(line.vnodes.and_then(|vnodes| u64::try_from(vnodes).ok()).map(count)),
        shown(line.rows.map(count)),
        shown(line.skew.map(|skew| format!("{skew:.2}"))),
        shown(line.bytes.map(bytes)),
        state(line),
    ]
}

/// Everything that is unusual about a shard; `ok` if nothing is.
fn state(line: &ShardLine) -> String {
    let deposed = line.deposed.unwrap_or(0);
    let unusual = [
        line.trouble.as_ref().map(|_| "does not answer".to_owned()),
        line.freeze.as_ref().map(|_| "frozen".to_owned()),
        line.one_node_write_mode.then(|| "one-node-write".to_owned()),
        (deposed > 0).then(|| format!("{deposed} deposed")),
        (line.read_only == Some(true)).then(|| "read-only".to_owned()),
        (line.listed == Some(false) && line.vnodes.is_some_and(|vnodes| vnodes > 0))
            .then(|| "not listed".to_owned()),
        (line.vnodes == Some(0)).then(|| "not in the ring".to_owned()),
    ];
    let unusual: Vec<String> = unusual.into_iter().flatten().collect();
    if unusual.is_empty() { "ok".to_owned() } else { unusual.join(", ") }
}

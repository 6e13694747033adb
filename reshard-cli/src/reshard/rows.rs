//! `reshard rows`: whose the rows of a shard are, and the step that deletes those that it does not own any more.

use std::io::Write;
use std::time::Duration;

use clap::{Args, Subcommand};
use manatee_client::ShardName;
use reshard_core::quantity::count as number;
use reshard_core::rows::{
    CountProgress, ShardCount, Split, TableCount, connect_last, connect_primary, count_shard,
};
use reshard_core::{Deployment, Journal, PhaseState, read_ring};
use sapi_client::ImageUuid;
use serde::Serialize;

use super::by_hand::{self, RowsStep};
use super::complete;
use super::error::{Error, Result};
use super::format::Format;
use super::place::{Cache, PlanFile, Region};
use super::shard_arg::ShardArg;
use crate::exit;
use crate::output::Output;
use crate::progress::spinner;
use crate::table::Table;

/// The longest time that one statement may take.
const STATEMENT: Duration = Duration::from_mins(1);
/// The phase from which on rows of moved vnodes belong to the new shards.
const MOVED: &str = "publish-ring";

/// The rows
#[derive(Subcommand, Debug)]
pub(super) enum RowsCommand {
    Count(CountArgs),
    Verify(VerifyArgs),
    #[command(flatten)]
    Step(RowsStep),
}

impl RowsCommand {
    pub(super) async fn run(self, out: &mut Output) -> Result<u8> {
        match self {
            Self::Count(args) => args.run(out).await.map(|()| exit::SUCCESS),
            Self::Verify(args) => args.run(out).await,
            Self::Step(step) => by_hand::run(step, out).await,
        }
    }
}

/// The peer that is read.
#[derive(Args, Clone, Copy, Debug)]
struct From {
    /// Read from the primary, not from the last peer of the chain
    #[arg(long)]
    primary: bool,
}

impl From {
    /// Counts the rows of a shard, with progress on standard error.
    async fn count(
        self,
        deployment: &Deployment,
        shard: &ShardName,
        split: &Split,
    ) -> Result<ShardCount> {
        let database = if self.primary {
            connect_primary(deployment, shard, STATEMENT).await?
        } else {
            connect_last(deployment, shard, STATEMENT).await?
        };
        let bar = spinner();
        let on_progress = |progress: CountProgress| {
            let CountProgress { table, done, total } = progress;
            bar.set_message(format!("counting {table} of {shard}: {done} of {total} pages"));
        };
        let counted = count_shard(&database, shard, split, &on_progress).await;
        bar.finish_and_clear();
        Ok(counted?)
    }
}

/// Count the rows of a shard by their owners in the ring that SAPI names
///
/// Every row is read, a few megabytes at a time, from the last peer of the chain. Rows without a _vnode are counted where
/// their keys belong. Those that other shards own are ghosts. Only Moray's buckets are counted: what looks like one and is
/// none (somebody's copy, another schema's) is listed below.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard rows count 2.moray.coal.joyent.us")]
pub(super) struct CountArgs {
    /// The shard; its number is enough
    #[arg(add = complete::shards())]
    shard: ShardArg,
    #[command(flatten)]
    region: Region,
    #[command(flatten)]
    cache: Cache,
    #[command(flatten)]
    from: From,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// A count, and by which ring.
#[derive(Serialize)]
struct Counted {
    ring: ImageUuid,
    #[serde(flatten)]
    count: ShardCount,
}

impl CountArgs {
    async fn run(self, out: &mut Output) -> Result<()> {
        let cache = self.cache.open()?;
        let deployment = self.region.connect().await?;
        let shard = self.shard.resolve(&deployment).await?;
        let manta = deployment.sapi()?.find_manta().await?;
        let ring = read_ring(&deployment, &manta, cache.path()).await?;
        let split = Split::of_ring(&ring, &shard)?;
        let count = self.from.count(&deployment, &shard, &split).await?;
        if self.output.is_json() {
            return Ok(out.json(&Counted { ring: ring.image, count })?);
        }
        writeln!(out, "{} at {}\nby the ring {}", count.shard, count.peer, ring.image)?;
        show(&[count], out)
    }
}

/// Prove that no shard of a plan has rows that another owns; exit status 2 if one has
///
/// Every row of the source and the new shards is read.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard rows verify split.plan")]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    file: PlanFile,
    #[command(flatten)]
    region: Region,
    #[command(flatten)]
    from: From,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// The result of a verification.
#[derive(Serialize)]
struct Verified {
    ghosts: u64,
    shards: Vec<ShardCount>,
}

impl VerifyArgs {
    async fn run(self, out: &mut Output) -> Result<u8> {
        let store = self.file.look()?;
        let moved =
            store.phases().await?.get(MOVED).is_some_and(|record| record.state == PhaseState::Done);
        if !moved {
            return Err(Error::NotMoved { phase: MOVED });
        }
        let deployment = self.region.connect().await?;
        let split = Split::of(&store.plan().await?);
        let mut shards = Vec::new();
        for shard in split.shards() {
            shards.push(self.from.count(&deployment, shard, &split).await?);
        }
        let ghosts = shards.iter().map(ShardCount::ghosts).sum();
        if self.output.is_json() {
            out.json(&Verified { ghosts, shards })?;
        } else {
            show(&shards, out)?;
            writeln!(out, "{} ghost rows", number(ghosts))?;
        }
        Ok(if ghosts == 0 { exit::SUCCESS } else { exit::DAMAGED })
    }
}

/// Prints what was not counted, and rows that nobody keeps.
fn show_odd(count: &ShardCount, out: &mut Output) -> Result<()> {
    for of in count.tables.iter().filter(|of| of.without_key > 0) {
        let TableCount { table, without_key, .. } = of;
        writeln!(out, "{without_key} rows of {table} at {} have no _key: nobody's", count.shard)?;
    }
    if !count.left_alone.is_empty() {
        writeln!(
            out,
            "\nNot counted at {}, for they are no buckets as Moray makes them:",
            count.shard
        )?;
        for left_alone in &count.left_alone {
            writeln!(out, "  {left_alone}")?;
        }
    }
    Ok(())
}

fn show(counts: &[ShardCount], out: &mut Output) -> Result<()> {
    let mut table =
        Table::new(["SHARD", "TABLE", "OWN", "GHOSTS", "NO _VNODE"]).numbers(&[2, 3, 4]);
    for count in counts {
        let name = count.shard.as_str();
        let short = name.split('.').next().unwrap_or(name);
        for of in &count.tables {
            table.row([
                short.to_owned(),
                of.table.clone(),
                number(of.kept_at(&count.shard)),
                number(of.ghosts_at(&count.shard)),
                number(of.without_vnode),
            ]);
        }
    }
    out.table(table)?;
    for count in counts {
        for of in &count.tables {
            let ghosts =
                of.kept_by.iter().filter(|(keeper, rows)| *keeper != count.shard && *rows > 0);
            for (keeper, rows) in ghosts {
                let rows = number(*rows);
                out.text(
                    "",
                    format_args!("{rows} rows of {} at {} are {keeper}'s", of.table, count.shard),
                )?;
            }
        }
    }
    for count in counts {
        show_odd(count, out)?;
    }
    Ok(())
}

//! `reshard shard`: a shard at a glance, and the steps that make new ones.

use std::io::Write;

use clap::{Args, Subcommand};
use manatee_client::UNNAMED_OWNER;
use reshard_core::shards::{ShardOverview, shard_overview};

use super::by_hand::{self, ShardStep};
use super::complete;
use super::error::Result;
use super::format::Format;
use super::peers::who;
use super::place::{Cache, Region};
use super::shard_arg::ShardArg;
use crate::exit;
use crate::output::Output;

/// The shards
#[derive(Subcommand, Debug)]
pub(super) enum ShardCommand {
    Show(ShowArgs),
    #[command(flatten)]
    Step(ShardStep),
}

impl ShardCommand {
    pub(super) async fn run(self, out: &mut Output) -> Result<u8> {
        match self {
            Self::Show(args) => args.run(out).await.map(|()| exit::SUCCESS),
            Self::Step(step) => by_hand::run(step, out).await,
        }
    }
}

/// Show a shard: its freeze and mode, its zones, its vnodes in the ring, and where SAPI lists it
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard shard show 2.moray.coal.joyent.us")]
pub(super) struct ShowArgs {
    /// The shard; its number is enough
    #[arg(add = complete::shards())]
    shard: ShardArg,
    #[command(flatten)]
    region: Region,
    #[command(flatten)]
    cache: Cache,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl ShowArgs {
    async fn run(self, out: &mut Output) -> Result<()> {
        let cache = self.cache.open()?;
        let deployment = self.region.connect().await?;
        let shard = self.shard.resolve(&deployment).await?;
        let overview = shard_overview(&deployment, &shard, cache.path()).await?;
        if self.output.is_json() {
            return Ok(out.json(&overview)?);
        }
        show(&overview, out)
    }
}

fn show(overview: &ShardOverview, out: &mut Output) -> Result<()> {
    writeln!(out, "shard       {}", overview.chain.shard)?;
    writeln!(out, "generation  {}", overview.chain.generation)?;
    match &overview.freeze {
        None => writeln!(out, "freeze      not frozen")?,
        Some(freeze) => {
            let owner = freeze.owner.as_deref().unwrap_or(UNNAMED_OWNER);
            writeln!(out, "freeze      since {} by {owner}: {}", freeze.since, freeze.reason)?;
        }
    }
    let mode = if overview.one_node_write_mode { "one-node-write" } else { "normal" };
    writeln!(out, "mode        {mode}")?;
    match overview.vnodes {
        Some(vnodes) => writeln!(out, "vnodes      {vnodes} of {}", overview.vnode_count)?,
        None => writeln!(out, "vnodes      none: the ring does not have {}", overview.pnode)?,
    }
    writeln!(out, "ring        {}", overview.ring)?;
    for listed in &overview.listed {
        let read_only = if listed.read_only { ", read-only" } else { "" };
        writeln!(out, "listed in   {}{read_only}", listed.key)?;
    }
    if overview.listed.is_empty() {
        writeln!(out, "listed in   nothing")?;
    }
    for moray in &overview.morays {
        writeln!(out, "moray       {} {}", moray.alias, moray.ip)?;
    }
    writeln!(out)?;
    who(&overview.chain, out)
}

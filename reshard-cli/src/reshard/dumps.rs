//! `reshard dumps`, `reshard dump-lock`: the nightly dumps, and the lock that keeps them from starting.

use std::io::Write;

use clap::{Args, Subcommand};
use reshard_core::dumps::{DumpsOverview, LockSeen, dumps_overview, see_lock};
use reshard_core::{Clock, SystemClock};

use super::by_hand::{self, DumpLockStep};
use super::complete;
use super::error::Result;
use super::format::Format;
use super::log::since;
use super::place::Region;
use super::shard_arg::ShardArg;
use crate::exit;
use crate::output::{Output, say};

/// The lock that keeps nightly dumps from starting
#[derive(Subcommand, Debug)]
pub(super) enum DumpLockCommand {
    Show(ShowArgs),
    #[command(flatten)]
    Step(DumpLockStep),
}

impl DumpLockCommand {
    pub(super) async fn run(self, out: &mut Output) -> Result<u8> {
        match self {
            Self::Show(args) => args.run(out).await.map(|()| exit::SUCCESS),
            Self::Step(step) => by_hand::run(step, out).await,
        }
    }
}

/// Show who keeps dumps from starting, and since when
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard dump-lock show")]
pub(super) struct ShowArgs {
    #[command(flatten)]
    region: Region,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl ShowArgs {
    async fn run(self, out: &mut Output) -> Result<()> {
        let lock = see_lock(&self.region.connect().await?).await?;
        if self.output.is_json() {
            return Ok(out.json(&lock)?);
        }
        show_lock(&lock, out)
    }
}

fn show_lock(lock: &LockSeen, out: &mut Output) -> Result<()> {
    match lock {
        LockSeen::Free => writeln!(out, "lock     free: dumps may begin")?,
        LockSeen::Held { holders } => {
            for holder in holders {
                // A plan's UUID and a time would not fit in one line of 80 columns.
                writeln!(
                    out,
                    "lock     held by {}\n         since {}",
                    holder.owner, holder.since
                )?;
            }
        }
        LockSeen::Foreign { content } => {
            writeln!(out, "lock     made by hand; it says {content:?}")?;
        }
    }
    Ok(())
}

/// Show the dumps of a shard: those that run, when the next is due, and what was missed while they were locked out
///
/// Missed dumps are counted from when the lock was taken, or from --since, also after the lock was given back.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard dumps 2.moray.coal.joyent.us
  reshard dumps 2.moray.coal.joyent.us --since 2026-01-31T20:00:00Z")]
pub(super) struct DumpsArgs {
    /// The shard; its number is enough
    #[arg(add = complete::shards())]
    shard: ShardArg,
    #[command(flatten)]
    region: Region,
    /// List the dumps that should have begun since then: a time, or how long ago, such as 90s, 10m, 2h, 1d
    #[arg(long, value_name = "TIME|DURATION")]
    since: Option<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl DumpsArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let now = SystemClock.now();
        let since = self.since.as_deref().map(|text| since(text, now)).transpose()?;
        let deployment = self.region.connect().await?;
        let shard = self.shard.resolve(&deployment).await?;
        let overview = dumps_overview(&deployment, &shard, since, now).await?;
        if self.output.is_json() {
            return Ok(out.json(&overview)?);
        }
        show(&overview, out)
    }
}

fn show(overview: &DumpsOverview, out: &mut Output) -> Result<()> {
    show_lock(&overview.lock, out)?;
    for running in &overview.running {
        writeln!(out, "running  on {}: {}", running.peer, running.what)?;
    }
    if overview.running.is_empty() {
        let seen = if overview.unknown.is_empty() { "none" } else { "none that could be seen" };
        writeln!(out, "running  {seen}")?;
    }
    let cron = overview.schedules.join("; ");
    let whose = if overview.assumed { "no zone tells, taken to be Manta's" } else { "cron" };
    match overview.next {
        Some(next) => writeln!(out, "next     {next} ({whose}: {cron})")?,
        None => writeln!(out, "next     never ({whose}: {cron})")?,
    }
    for missed in &overview.missed {
        writeln!(out, "missed   {}", missed.at)?;
    }
    match overview.missed_since {
        Some(since) if overview.missed.is_empty() => {
            writeln!(out, "missed   none since {since:.0}")?;
        }
        None if matches!(overview.lock, LockSeen::Foreign { .. }) => {
            writeln!(out, "missed   nobody knows: say with --since when the lock was made")?;
        }
        Some(_) | None => {}
    }
    for unknown in &overview.unknown {
        say(format_args!("reshard: notice: {unknown}"));
    }
    Ok(())
}

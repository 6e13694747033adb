//! `reshard plans`: the plans that the region knows, whoever has their files.

use std::io::Write;

use clap::{Args, Subcommand};
use reshard_core::plans::{
    Executing, Holding, PlanFile, PlanOverview, plans_overview, releasable, release,
};
use reshard_core::{Clock, PlanState, PlanUuid, SystemClock};

use super::confirm::Confirm;
use super::error::Result;
use super::format::Format;
use super::in_words::InWords;
use super::place::Region;
use crate::output::{Output, say};

/// List all plans that ZooKeeper knows: how far each is, where its file is, and what it keeps for itself
///
/// A plan's file need not be here. Without a verb nothing is changed.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  reshard plans
  reshard plans release 3d0e5c1a-7b1f-4b6e-9a41-6f3d7f0e2b55 --dry-run")]
pub(super) struct PlansArgs {
    #[command(subcommand)]
    verb: Option<PlansVerb>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Subcommand, Debug)]
enum PlansVerb {
    Release(ReleaseArgs),
}

#[derive(Args, Debug)]
struct ListArgs {
    #[command(flatten)]
    region: Region,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl PlansArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        match self.verb {
            None => self.list.run(out).await,
            Some(PlansVerb::Release(args)) => args.run(out).await,
        }
    }
}

/// Free what a plan that is over has left reserved: the ring, names of shards, the lock on dumps, freezes
///
/// Reads: the plan's locks in ZooKeeper, the shards' states, the ring that SAPI names, zones with the plan's tag, the routers.
/// Writes: gives back what the plan keeps. Undo: none. It is refused while an executor is alive, while the plan is not over (unless
/// its file is lost), and where the plan has left something half made: zones, a new shard that no ring leads to, one of its rings
/// in a router.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard plans release 3d0e5c1a-7b1f-4b6e-9a41-6f3d7f0e2b55 --file-lost")]
struct ReleaseArgs {
    /// The plan's UUID, as `reshard plans` lists it
    plan: PlanUuid,
    /// No copy of the plan's file is left: nobody can resume or abort it
    #[arg(long)]
    file_lost: bool,
    #[command(flatten)]
    region: Region,
    #[command(flatten)]
    confirm: Confirm,
    /// Only tell what would be freed
    #[arg(long)]
    dry_run: bool,
    /// Format in which what was freed is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl ReleaseArgs {
    async fn run(self, out: &mut Output) -> Result<()> {
        let deployment = self.region.connect().await?;
        let file = if self.file_lost { PlanFile::Lost } else { PlanFile::MayBeLeft };
        let mut freed = releasable(&deployment, self.plan, file).await?;
        if !self.dry_run && !freed.is_empty() {
            let what: Vec<String> = freed.iter().map(|it| it.kept.to_string()).collect();
            self.confirm.ask(&format!("Free {} of plan {}?", what.join(", "), self.plan))?;
            freed = release(&deployment, self.plan, file, SystemClock.now()).await?;
        }
        if self.output.is_json() {
            return Ok(out.json(&freed)?);
        }
        if freed.is_empty() {
            say(format_args!("Plan {} keeps nothing.", self.plan));
        }
        for holding in &freed {
            writeln!(out, "{}", holding.kept)?;
        }
        Ok(())
    }
}

impl ListArgs {
    async fn run(self, out: &mut Output) -> Result<()> {
        let plans = plans_overview(&self.region.connect().await?).await?;
        if self.output.is_json() {
            let plans = plans.into_iter().map(|plan| plan.in_words(None));
            return Ok(out.json(&plans.collect::<Vec<_>>())?);
        }
        if plans.is_empty() {
            say("ZooKeeper knows no plan.");
            return Ok(());
        }
        for plan in &plans {
            show(plan, out)?;
        }
        Ok(())
    }
}

fn show(plan: &PlanOverview, out: &mut Output) -> Result<()> {
    writeln!(out, "plan      {}", plan.plan)?;
    if let Some(epoch) = &plan.epoch {
        writeln!(out, "state     {} since {:.0}", state(&epoch.state), epoch.told)?;
        writeln!(out, "moves     from {}", epoch.source)?;
        for target in &epoch.targets {
            writeln!(out, "          to {target}")?;
        }
        writeln!(out, "file      {}\nhost      {}", epoch.file, epoch.host)?;
        if let Some(since) = epoch.writes_refused_since {
            writeln!(out, "writes    REFUSED since {since:.0}")?;
        }
    }
    match &plan.executor {
        None => writeln!(out, "executor  unknown")?,
        Some(Executing::Nobody) => writeln!(out, "executor  none")?,
        Some(Executing::Alive { since }) => {
            writeln!(out, "executor  alive since {}", known(since.as_deref()))?;
        }
        Some(Executing::Died { since }) => {
            writeln!(out, "executor  died; it began at {}", known(since.as_deref()))?;
        }
    }
    for Holding { kept, since, .. } in &plan.holds {
        writeln!(out, "keeps     {kept}\n          since {since}")?;
    }
    for unknown in &plan.unknown {
        say(format_args!("reshard: notice: {unknown}"));
    }
    writeln!(out)?;
    Ok(())
}

fn known(since: Option<&str>) -> &str {
    since.unwrap_or("an unknown time")
}

fn state(state: &PlanState) -> String {
    match state {
        PlanState::Planned => "planned".to_owned(),
        PlanState::Running => "running".to_owned(),
        PlanState::Paused => "paused".to_owned(),
        PlanState::Held { phase, .. } => format!("held in {phase}"),
        PlanState::Aborting => "being rolled back".to_owned(),
        PlanState::Aborted => "rolled back".to_owned(),
        PlanState::Done => "done".to_owned(),
    }
}

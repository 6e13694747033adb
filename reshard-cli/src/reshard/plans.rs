//! `reshard plans`: the plans that the region knows, whoever has their files.

use std::io::Write;

use clap::Args;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use reshard_core::plans::{Executing, Holding, PlanOverview, plans_overview};

use super::error::Result;
use super::format::Format;
use super::place::Region;
use crate::output::{Output, say};

/// List all plans that ZooKeeper knows: whether an executor is alive, and what each keeps for itself
///
/// A plan's file need not be here. Nothing is changed.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard plans -o json")]
pub(super) struct PlansArgs {
    #[command(flatten)]
    region: Region,
    /// How to print them
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl PlansArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let plans = plans_overview(&self.region.connect().await?).await?;
        if self.output.is_json() {
            return Ok(out.json(&plans)?);
        }
        if plans.is_empty() {
            say("ZooKeeper knows no plan.");
            return Ok(());
        }
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(["PLAN", "EXECUTOR", "KEEPS"]);
        for plan in &plans {
            table.add_row([plan.plan.to_string(), executor(plan), kept(&plan.holds)]);
        }
        writeln!(out, "{}", table.trim_fmt())?;
        Ok(())
    }
}

fn executor(plan: &PlanOverview) -> String {
    match &plan.executor {
        Executing::Nobody => "none".to_owned(),
        Executing::Alive { .. } => "alive".to_owned(),
        Executing::Died { .. } => "died".to_owned(),
    }
}

/// One to a line.
fn kept(holds: &[Holding]) -> String {
    if holds.is_empty() {
        return "nothing".to_owned();
    }
    holds.iter().map(|holding| holding.kept.to_string()).collect::<Vec<_>>().join("\n")
}

//! `reshard plan show`.

use std::io::Write;

use clap::Args;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use reshard_core::{Plan, Store};

use crate::output::Output;
use crate::reshard::error::Result;
use crate::reshard::format::Format;
use crate::reshard::place::PlanFile;

/// Show what a plan is going to do, what it will cost, and what to know before
#[derive(Args, Debug)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    file: PlanFile,
    /// How to print it; JSON is the whole document
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl ShowArgs {
    pub(super) fn run(self, out: &mut Output) -> Result<()> {
        let plan = self.file.look()?.plan()?;
        if self.output.is_json() {
            return Ok(out.json(&plan)?);
        }
        summary(&plan, out)
    }
}

/// A plan for people.
pub(in crate::reshard) fn summary(plan: &Plan, out: &mut Output) -> Result<()> {
    writeln!(out, "plan {} of {:.0}", plan.uuid, plan.created)?;
    writeln!(out, "hash {}\n", plan.hash)?;
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["SHARD", "VNODES", "AFTER", "ROWS", "AFTER"]);
    for side in &plan.balance {
        let rows = |rows: Option<u64>| rows.map_or_else(|| "-".to_owned(), |rows| rows.to_string());
        table.add_row([
            side.shard.to_string(),
            side.vnodes.0.to_string(),
            side.vnodes.1.to_string(),
            rows(side.rows.map(|rows| rows.0)),
            rows(side.rows.map(|rows| rows.1)),
        ]);
    }
    writeln!(out, "{}\n", table.trim_fmt())?;
    writeln!(out, "What is going to be done (* while writes to the moving vnodes are refused):")?;
    for action in &plan.actions {
        let mark = if action.in_write_block { '*' } else { ' ' };
        writeln!(out, "{mark} {}: {}", action.phase, action.what)?;
    }
    let prediction = &plan.prediction;
    writeln!(out, "\nWrites will be refused for about {:.0} s:", prediction.write_block_seconds)?;
    for (what, seconds) in &prediction.write_block_parts {
        writeln!(out, "  {seconds:6.1} s  {what}")?;
    }
    writeln!(out, "\nEverything will take about {:.0} s:", prediction.total_seconds)?;
    for (what, seconds) in &prediction.total_parts {
        writeln!(out, "  {seconds:6.1} s  {what}")?;
    }
    for (server, bytes) in &prediction.disk {
        writeln!(out, "\nServer {server} needs {} MB for new peers", bytes / 1_000_000)?;
    }
    writeln!(out, "\nTo know before:")?;
    for risk in &plan.risks {
        writeln!(out, "* {risk}")?;
    }
    Ok(())
}

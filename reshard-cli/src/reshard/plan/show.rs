//! `reshard plan show`.

use std::io::Write;

use clap::Args;
use reshard_core::quantity::{bytes, count, seconds};
use reshard_core::{Journal, Mode, Plan};

use crate::output::Output;
use crate::reshard::error::Result;
use crate::reshard::format::Format;
use crate::reshard::place::PlanFile;
use crate::screen::Mood;
use crate::table::Table;

/// Show what a plan is going to do, what it will cost, and what to know before
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard plan show split.plan")]
pub(super) struct ShowArgs {
    #[command(flatten)]
    file: PlanFile,
    /// Output format; JSON is the whole document
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl ShowArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let plan = self.file.look()?.plan().await?;
        if self.output.is_json() {
            return Ok(out.json(&*plan)?);
        }
        summary(&plan, out)
    }
}

/// A plan for people.
pub(in crate::reshard) fn summary(plan: &Plan, out: &mut Output) -> Result<()> {
    writeln!(out, "plan {} of {:.0}", plan.uuid, plan.created)?;
    writeln!(out, "hash {}\n", plan.hash)?;
    balance(plan, out)?;
    writeln!(out)?;
    let blocked = plan.actions.iter().any(|action| action.in_write_block);
    let marks = if blocked { " (* while writes to the moving vnodes are refused)" } else { "" };
    out.text("", format_args!("What is going to be done{marks}:"))?;
    for action in &plan.actions {
        let (mood, mark) =
            if action.in_write_block { (Mood::Warning, "* ") } else { (Mood::Plain, "  ") };
        out.text_in(mood, &head(mark, &action.phase), &action.what)?;
    }
    prediction(plan, out)?;
    writeln!(out, "\nKnow before you run it:")?;
    for risk in &plan.risks {
        out.text("* ", risk)?;
    }
    Ok(())
}

/// The beginning of a line about a phase, in a column of its own.
pub(in crate::reshard) fn head(mark: &str, phase: &str) -> String {
    format!("{mark}{phase:<16}  ")
}

fn balance(plan: &Plan, out: &mut Output) -> Result<()> {
    let mut table =
        Table::new(["SHARD", "VNODES", "AFTER", "ROWS", "AFTER"]).numbers(&[1, 2, 3, 4]);
    for side in &plan.balance {
        let rows = |rows: Option<u64>| rows.map_or_else(|| "-".to_owned(), count);
        table.row([
            side.shard.to_string(),
            count(side.vnodes.0),
            count(side.vnodes.1),
            rows(side.rows.map(|rows| rows.0)),
            rows(side.rows.map(|rows| rows.1)),
        ]);
    }
    Ok(out.table(table)?)
}

/// Prints what the plan will cost.
fn prediction(plan: &Plan, out: &mut Output) -> Result<()> {
    let prediction = &plan.prediction;
    let parts = |parts: &[(String, f64)], out: &mut Output| -> Result<()> {
        for (what, took) in parts {
            out.text(&format!("  {:>12}  ", seconds(*took)), what)?;
        }
        Ok(())
    };
    let blocked = seconds(prediction.write_block_seconds);
    match plan.request.mode {
        Mode::Guarded => {
            writeln!(out, "\nRequests for the moving vnodes will wait for about {blocked}:")?;
        }
        Mode::Rfd103 | _ => writeln!(out, "\nWrites will be refused for about {blocked}:")?,
    }
    parts(&prediction.write_block_parts, out)?;
    writeln!(out, "\nEverything will take about {}:", seconds(prediction.total_seconds))?;
    parts(&prediction.total_parts, out)?;
    if !prediction.disk.is_empty() {
        writeln!(out)?;
    }
    for (server, needed) in &prediction.disk {
        out.text("", format_args!("Server {server} needs {} for new peers", bytes(*needed)))?;
    }
    Ok(())
}

//! `reshard report`.

use clap::Args;
use reshard_core::{Costs, Journal, Report};

use super::error::Result;
use super::format::Format;
use super::in_words::InWords;
use super::place::PlanFile;
use crate::output::Output;
use crate::screen::Mood;

/// Tell what a plan moved, how long writes were refused, and what was found on the way
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard report split.plan
  reshard report split.plan --costs > costs.json")]
pub(super) struct ReportArgs {
    #[command(flatten)]
    file: PlanFile,
    /// Print only what single steps took, for `reshard plan new --costs` to predict by
    #[arg(long, conflicts_with = "output")]
    costs: bool,
    /// Markdown, or JSON for programs
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl ReportArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let store = self.file.look()?;
        let report = Report::of(&store, &store.plan().await?.sequence()?).await?;
        let report = report.in_words(Some(&self.file.typed()));
        if self.costs {
            return Ok(out.json(&Costs::observed(&store.plan().await?, &report))?);
        }
        if self.output.is_json() {
            return Ok(out.json(&report)?);
        }
        markdown(&report.to_markdown(), out)
    }
}

/// A document whose items and paragraphs may be broken; lines of tables and titles must not be.
fn markdown(document: &str, out: &mut Output) -> Result<()> {
    for line in document.lines() {
        let (head, rest) = line.strip_prefix("* ").map_or(("", line), |item| ("* ", item));
        if line.starts_with(['|', '#']) {
            out.lines(Mood::Plain, &[line.to_owned()])?;
        } else {
            out.text(head, rest)?;
        }
    }
    Ok(())
}

//! `reshard status`.

mod commands;
mod copy;
mod facts;
mod lines;
mod redraw;
#[cfg(test)]
mod tests;
mod text;
mod view;

use std::time::Duration;

use clap::Args;
use reshard_core::Journal;

use self::copy::Asking;
use self::facts::Facts;
use self::redraw::Redraw;
use self::view::View;
use super::error::Result;
use super::format::Format;
use super::place::{ConfigFile, PlanFile};
use super::runnable::Runnable;
use crate::output::Output;

/// The interval between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// Show whether writes are refused, how far a plan is, who executes it, and what can be done next
///
/// It only reads the plan's file, for which it needs no more than the right to read it. ZooKeeper is asked, for two seconds at
/// most, whether another copy of the file knows more. With --watch a terminal is redrawn
/// every second; in a pipe every change is a line, and with -o json a document.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard status split.plan
  reshard status split.plan --watch
  reshard status split.plan -o json

Exit status:
  0  it was shown, whatever it says
  1  the file cannot be read, or is no plan")]
pub(super) struct StatusArgs {
    #[command(flatten)]
    file: PlanFile,
    #[command(flatten)]
    config: ConfigFile,
    /// Go on until the plan has stopped: it is done, rolled back, paused or held
    #[arg(short, long)]
    watch: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl StatusArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let store = self.file.look()?;
        let plan = store.plan().await?;
        let phases = plan.sequence()?;
        let runnable = Runnable::new(self.file.path(), self.config.said());
        let mut redraw = Redraw::new(self.output, self.watch);
        let mut asking = Asking::new(&self.config);
        loop {
            let copy = asking.ask(&store, &plan).await?;
            let facts = Facts::of(&store, &plan, &phases, copy, &runnable).await?;
            let view = View::of(&facts);
            redraw.show(&view, facts.now, out)?;
            if !self.watch || view.has_stopped() {
                break;
            }
            tokio::time::sleep(EVERY).await;
        }
        asking.close().await;
        Ok(())
    }
}

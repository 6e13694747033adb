//! `reshard pause`: words to a running plan.

use clap::Args;
use command_line::unknown::Unknown;
use reshard_core::{Journal, SqliteJournal, phase_sequence};

use super::complete;
use super::error::Result;
use super::place::{ConfigFile, PlanFile};
use super::signal::{listener, when};
use crate::output::say;

/// Stop a running plan where that is safe, or before a phase
///
/// It does not stop while writes are refused: only when they are accepted again. `reshard resume` goes on.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard pause split.plan
  reshard pause split.plan --before block-writes")]
pub(super) struct PauseArgs {
    #[command(flatten)]
    file: PlanFile,
    #[command(flatten)]
    config: ConfigFile,
    /// Not now, but before this phase; `reshard phases` lists them
    #[arg(long, value_name = "PHASE", add = complete::phases())]
    before: Option<String>,
}

impl PauseArgs {
    pub(super) async fn run(self) -> Result<()> {
        let store = self.file.open()?;
        let file = self.file.typed();
        let Some(phase) = self.before else {
            let liveness = listener(&self.config, &store).await?;
            if liveness.is_at_work() {
                store.update_controls(&mut |controls| controls.pause = true).await?;
            }
            let now = format!(
                "The plan will stop as soon as that is safe; `reshard status {file}` shows it."
            );
            say(when(&liveness, &now, "there is nothing to stop."));
            return Ok(());
        };
        check_phase(&store, &phase).await?;
        let liveness = listener(&self.config, &store).await?;
        store.update_controls(&mut |controls| controls.pause_before = Some(phase.clone())).await?;
        let now = format!("The plan will stop before {phase}.");
        let then = format!("the next `reshard resume {file}` will stop before {phase}.");
        say(when(&liveness, &now, &then));
        Ok(())
    }
}

/// Checks that the plan has a phase of this name: one of those that it was begun with, or of ours.
pub(super) async fn check_phase(store: &SqliteJournal, name: &str) -> Result<()> {
    let list = match phase_sequence(store).await? {
        Some(begun_with) => begun_with,
        None => store.plan().await?.sequence()?.names().map(str::to_owned).collect(),
    };
    if list.iter().any(|phase| phase == name) {
        return Ok(());
    }
    Err(Unknown::new("phase", name, list.iter().map(String::as_str)).into())
}

//! The permission for what clients may notice: `reshard approve`, and the options that ask for it.

use clap::Args;
use jiff::Timestamp;
use reshard_core::maintenance::{Blackout, Maintenance, MaintenanceWindow};
use reshard_core::{Approval, Controls, Journal, SqliteJournal};

use super::error::Result;
use super::place::{ConfigFile, PlanFile};
use super::signal::{listener, when};
use crate::output::say;

/// Approve of what clients may notice, for a plan that waits for it
///
/// A plan that was started with `--needs-approval` waits before the first router is changed, with the new shards following the source.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard approve split.plan")]
pub(super) struct ApproveArgs {
    #[command(flatten)]
    file: PlanFile,
    #[command(flatten)]
    config: ConfigFile,
}

impl ApproveArgs {
    pub(super) async fn run(self) -> Result<()> {
        let store = self.file.open()?;
        let liveness = listener(&self.config, &store).await?;
        let given = Approval::by(&user(), Timestamp::now());
        let mut was_asked = false;
        store
            .update_controls(&mut |controls| {
                was_asked = controls.approval != Approval::NotNeeded;
                if controls.approval == Approval::Needed {
                    controls.approval = given.clone();
                }
            })
            .await?;
        if !was_asked {
            say("Nobody asked for an approval: the plan does not wait for one.");
            return Ok(());
        }
        let then = format!("the next `reshard resume {}` goes on with it.", self.file.typed());
        say(when(&liveness, "Approved: the executor goes on.", &then));
        Ok(())
    }
}

/// The options of `run` and `resume` that limit when clients may notice anything.
#[derive(Args, Debug)]
pub(super) struct PermissionArgs {
    /// Wait for `reshard approve` before clients may notice anything
    #[arg(long)]
    needs_approval: bool,
    /// Do what clients may notice only at this time, such as 'Mon-Fri 01:00-04:00 Europe/Berlin'; may be given several times
    #[arg(long, value_name = "WINDOW")]
    window: Vec<MaintenanceWindow>,
    /// Nor on these dates, such as 2026-12-24..2027-01-02; may be given several times
    #[arg(long, value_name = "DATES")]
    blackout: Vec<Blackout>,
    /// At any time, whatever was said before
    #[arg(long, conflicts_with_all = ["window", "blackout"])]
    any_time: bool,
}

impl PermissionArgs {
    /// Writes down what was given. What was not stays as it was.
    pub(super) async fn write_down(&self, store: &SqliteJournal) -> Result<()> {
        if self.needs_approval
            || self.any_time
            || !self.window.is_empty()
            || !self.blackout.is_empty()
        {
            store.update_controls(&mut |controls| self.apply(controls)).await?;
        }
        Ok(())
    }

    fn apply(&self, controls: &mut Controls) {
        if self.needs_approval {
            controls.approval = Approval::Needed;
        }
        if self.any_time {
            controls.maintenance = Maintenance::default();
        }
        if !self.window.is_empty() {
            controls.maintenance.windows.clone_from(&self.window);
        }
        if !self.blackout.is_empty() {
            controls.maintenance.blackouts.clone_from(&self.blackout);
        }
    }
}

/// The user's name, as the shell knows it.
fn user() -> String {
    let name = ["LOGNAME", "USER"].into_iter().find_map(|variable| std::env::var(variable).ok());
    name.unwrap_or_else(|| "somebody".to_owned())
}

//! `reshard tune`: the settings of a plan.

use std::io::Write;

use clap::Args;
use command_line::unknown::Unknown;
use reshard_core::{Journal, SETTINGS, Tuning};

use super::complete;
use super::error::{Error, Result};
use super::format::Format;
use super::place::{ConfigFile, PlanFile};
use super::signal::{listener, when};
use crate::output::{Output, say};

/// Show or change the settings of a plan, also while it runs
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard tune split.plan delete_batch=100 delete_pause_ms=200")]
pub(super) struct TuneArgs {
    #[command(flatten)]
    file: PlanFile,
    #[command(flatten)]
    config: ConfigFile,
    /// Settings to change; without any, all are printed, with what may be written
    #[arg(value_name = "NAME=VALUE", add = complete::settings())]
    settings: Vec<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl TuneArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let tuning = if self.settings.is_empty() {
            self.file.look()?.controls().await?.tuning
        } else {
            self.tune().await?
        };
        if self.output.is_json() {
            return Ok(out.json(&tuning)?);
        }
        for setting in &SETTINGS {
            writeln!(out, "{}={}", setting.name, setting.shown(&tuning))?;
            writeln!(out, "    {}\n    {}", setting.about, setting.described())?;
        }
        Ok(())
    }

    async fn tune(&self) -> Result<Tuning> {
        let store = self.file.open()?;
        let before = store.controls().await?.tuning;
        let wanted = tuned(&before, &self.settings)?;
        let is_new = wanted.budget_seconds != before.budget_seconds;
        if let Some(seconds) = wanted.budget_seconds.filter(|_| is_new) {
            store.plan().await?.check_budget(seconds).map_err(Error::Budget)?;
        }
        let liveness = listener(&self.config, &store).await?;
        // What others have set meanwhile stays.
        let changed = store
            .update_controls(&mut |controls| {
                if let Ok(tuned) = tuned(&controls.tuning, &self.settings) {
                    controls.tuning = tuned;
                }
            })
            .await?;
        let then = format!("the settings are for the next `reshard resume {}`.", self.file.typed());
        say(when(&liveness, "The executor goes by the new settings from now on.", &then));
        Ok(changed.tuning)
    }
}

fn tuned(tuning: &Tuning, settings: &[String]) -> Result<Tuning> {
    let mut tuning = tuning.clone();
    for setting in settings {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        let known = || SETTINGS.iter().map(|setting| setting.name);
        let setting = SETTINGS.iter().find(|setting| setting.name == name);
        setting.ok_or_else(|| Unknown::new("setting", name, known()))?.set(&mut tuning, value)?;
    }
    Ok(tuning)
}

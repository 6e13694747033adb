//! `reshard pause`, `reshard tune`: words to a running plan.

use std::io::Write;

use clap::Args;
use reshard_core::{Knobs, Store, phases};
use serde_json::{Value, json};

use super::complete;
use super::error::{Error, Result};
use super::format::Format;
use super::named::Unknown;
use super::place::PlanFile;
use crate::output::{Output, say};

/// Stop a running plan where that is safe, or before a phase
///
/// It does not stop while writes are refused: only when they flow again. `reshard resume` goes on.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard pause split.plan
  reshard pause split.plan --before block-writes")]
pub(super) struct PauseArgs {
    #[command(flatten)]
    file: PlanFile,
    /// Not now, but before this phase; `reshard phases` lists them
    #[arg(long, value_name = "PHASE", add = complete::phases())]
    before: Option<String>,
}

impl PauseArgs {
    pub(super) fn run(self) -> Result<()> {
        let store = self.file.open()?;
        match self.before {
            Some(phase) => {
                check_phase(&phase)?;
                store.update_controls(&mut |controls| {
                    controls.pause_before = Some(phase.clone());
                })?;
                say(format_args!("The plan will stop before {phase}."));
            }
            None => {
                store.update_controls(&mut |controls| controls.pause = true)?;
                say("The plan will stop as soon as that is safe; `reshard status` shows it.");
            }
        }
        Ok(())
    }
}

pub(super) fn check_phase(name: &str) -> Result<()> {
    let list = phases::rfd103();
    if list.iter().any(|phase| phase.name() == name) {
        return Ok(());
    }
    Err(Unknown::new("phase", name, list.iter().map(|phase| phase.name())).into())
}

/// Show or change the settings of a plan, also while it runs
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard tune split.plan delete_batch=100 delete_pause_ms=200")]
pub(super) struct TuneArgs {
    #[command(flatten)]
    file: PlanFile,
    /// Settings to change; without any, all are printed
    #[arg(value_name = "NAME=VALUE", add = complete::settings())]
    settings: Vec<String>,
    /// How to print them
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl TuneArgs {
    pub(super) fn run(self, out: &mut Output) -> Result<()> {
        let store = self.file.open()?;
        let mut knobs = store.controls()?.knobs;
        if !self.settings.is_empty() {
            let wanted = tuned(&knobs, &self.settings)?.budget_seconds;
            if let Some(seconds) = wanted.filter(|_| wanted != knobs.budget_seconds) {
                store.plan()?.check_budget(seconds)?;
            }
            let mut wrong = None;
            let changed = store.update_controls(&mut |controls| match tuned(
                &controls.knobs,
                &self.settings,
            ) {
                Ok(tuned) => controls.knobs = tuned,
                Err(error) => wrong = Some(error),
            })?;
            if let Some(error) = wrong {
                return Err(error);
            }
            knobs = changed.knobs;
        }
        if self.output.is_json() {
            return Ok(out.json(&knobs)?);
        }
        let knobs = json!(knobs);
        for (name, value) in knobs.as_object().into_iter().flatten() {
            writeln!(out, "{name}={value}")?;
        }
        Ok(())
    }
}

fn tuned(knobs: &Knobs, settings: &[String]) -> Result<Knobs> {
    let mut document = json!(knobs);
    for setting in settings {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        let wrong = || Error::Setting {
            setting: setting.clone(),
            known: document
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        };
        if document.get(name).is_none() {
            return Err(wrong());
        }
        let value: Value = serde_json::from_str(value).map_err(|_| wrong())?;
        let is_absent = value.is_null() && name == "budget_seconds";
        if !value.is_u64() && !is_absent {
            return Err(wrong());
        }
        if let Some(members) = document.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
    }
    serde_json::from_value(document).map_err(|_| Error::Setting {
        setting: settings.join(" "),
        known: "numbers that are not too large".to_owned(),
    })
}

//! The operator's wishes for a plan that runs.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::host;
use crate::maintenance::Maintenance;
use crate::plan::ROUTER_CONCURRENCY;

/// A change of the operator's wishes, made while nobody else changes them.
pub type ControlsChange<'a> = dyn FnMut(&mut Controls) + Send + 'a;

/// The operator's wishes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Controls {
    /// Stop at the next point where that is safe.
    pub pause: bool,
    /// Stop before this phase.
    pub pause_before: Option<String>,
    /// Roll everything back.
    pub abort: bool,
    /// The approval that is waited for before clients notice anything.
    pub approval: Approval,
    /// The times at which clients may notice anything.
    pub maintenance: Maintenance,
    /// Live settings.
    pub tuning: Tuning,
}

/// An approval by somebody, before clients notice anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "approval", rename_all = "kebab-case")]
pub enum Approval {
    /// Nobody is asked.
    #[default]
    NotNeeded,
    /// The plan waits for it.
    Needed,
    /// It is given.
    Given {
        /// The user and host.
        by: String,
        /// The time.
        at: Timestamp,
    },
}

impl Approval {
    /// The approval by a user of this machine.
    pub fn by(user: &str, at: Timestamp) -> Self {
        Self::Given { by: format!("{user}@{}", host()), at }
    }
}

/// Settings that may be changed while a plan runs. [`SETTINGS`] has their units and ranges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tuning {
    /// The number of routers' zones that are changed at the same time.
    pub router_concurrency: u32,
    /// Ghost rows deleted in one transaction.
    pub delete_batch: u32,
    /// The pause between two such transactions, in milliseconds.
    pub delete_pause_ms: u64,
    /// Deleting waits while the sync is further behind than this, in bytes.
    pub delete_max_lag_bytes: u64,
    /// The time for which a passing trouble is tried again outside the write block, in seconds, before the plan holds.
    pub patience_seconds: u64,
    /// The time to wait for what others have to finish (restores, replication, dumps), in seconds, before the plan holds.
    pub wait_seconds: u64,
    /// The time for which clients go on with a Moray that has left the name service, in seconds; absent for the region's own, which
    /// its configuration has.
    pub name_seconds: Option<u64>,
    /// Rehearsals of a guarded cutover before it is done.
    pub rehearsals: u32,
    /// The longest that requests may wait at the cutover, or in the mode `rfd103` that writes may be refused, in seconds; absent
    /// for the plan's own budget.
    pub budget_seconds: Option<u64>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            router_concurrency: ROUTER_CONCURRENCY,
            delete_batch: 500,
            delete_pause_ms: 20,
            delete_max_lag_bytes: 16 << 20,
            patience_seconds: 120,
            wait_seconds: 24 * 3600,
            name_seconds: None,
            rehearsals: 1,
            budget_seconds: None,
        }
    }
}

/// One of the [`Tuning`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Setting {
    /// Its name, such as `delete_batch`.
    pub name: &'static str,
    /// The unit of its numbers.
    pub unit: &'static str,
    /// The least and the most that make sense.
    pub range: RangeInclusive<u64>,
    /// Its effect, in a few words.
    pub about: &'static str,
    /// The words that stand for no number, if that may be; such as `the plan's own`.
    pub absent: Option<&'static str>,
    get: fn(&Tuning) -> Option<u64>,
    set: fn(&mut Tuning, Option<u64>),
}

/// The name of the setting for how long writes may be refused.
pub(crate) const BUDGET: &str = "budget_seconds";

const DAY: u64 = 24 * 3600;

/// All settings, in the order in which they are shown.
pub static SETTINGS: [Setting; 9] = [
    Setting {
        name: "router_concurrency",
        unit: "zones",
        range: 1..=1000,
        about: "routers' zones that are changed at a time",
        absent: None,
        get: |tuning| Some(tuning.router_concurrency.into()),
        set: |tuning, value| tuning.router_concurrency = small(value),
    },
    Setting {
        name: "delete_batch",
        unit: "rows",
        range: 1..=100_000,
        about: "ghost rows that one transaction deletes",
        absent: None,
        get: |tuning| Some(tuning.delete_batch.into()),
        set: |tuning, value| tuning.delete_batch = small(value),
    },
    Setting {
        name: "delete_pause_ms",
        unit: "ms",
        range: 0..=60_000,
        about: "the pause between two such transactions",
        absent: None,
        get: |tuning| Some(tuning.delete_pause_ms),
        set: |tuning, value| tuning.delete_pause_ms = value.unwrap_or_default(),
    },
    Setting {
        name: "delete_max_lag_bytes",
        unit: "bytes",
        range: 65_536..=1 << 40,
        about: "deleting waits while the sync is further behind",
        absent: None,
        get: |tuning| Some(tuning.delete_max_lag_bytes),
        set: |tuning, value| tuning.delete_max_lag_bytes = value.unwrap_or_default(),
    },
    Setting {
        name: "patience_seconds",
        unit: "s",
        range: 0..=DAY,
        about: "how long a trouble that may pass is tried again outside the write block",
        absent: None,
        get: |tuning| Some(tuning.patience_seconds),
        set: |tuning, value| tuning.patience_seconds = value.unwrap_or_default(),
    },
    Setting {
        name: "wait_seconds",
        unit: "s",
        range: 1..=30 * DAY,
        about: "how long others' work (restores, replication, dumps) is waited for",
        absent: None,
        get: |tuning| Some(tuning.wait_seconds),
        set: |tuning, value| tuning.wait_seconds = value.unwrap_or_default(),
    },
    Setting {
        name: "name_seconds",
        unit: "s",
        range: 0..=3600,
        about: "how long clients go on with a Moray that has left the name service",
        absent: Some("the region's own"),
        get: |tuning| tuning.name_seconds,
        set: |tuning, value| tuning.name_seconds = value,
    },
    Setting {
        name: "rehearsals",
        unit: "rehearsals",
        range: 0..=1000,
        about: "of a guarded cutover before it is done: requests wait each time, and nothing moves",
        absent: None,
        get: |tuning| Some(tuning.rehearsals.into()),
        set: |tuning, value| tuning.rehearsals = small(value),
    },
    Setting {
        name: BUDGET,
        unit: "s",
        range: 1..=DAY,
        about: "how long requests may wait at the cutover, or writes be refused",
        absent: Some("the plan's own"),
        get: |tuning| tuning.budget_seconds,
        set: |tuning, value| tuning.budget_seconds = value,
    },
];

/// Ranges see to it that it fits.
fn small(value: Option<u64>) -> u32 {
    value.and_then(|value| u32::try_from(value).ok()).unwrap_or(u32::MAX)
}

impl Setting {
    /// The number that it is set to; `None` for [`Setting::absent`].
    pub fn get(&self, tuning: &Tuning) -> Option<u64> {
        (self.get)(tuning)
    }

    /// The number, or what stands for none.
    pub fn shown(&self, tuning: &Tuning) -> String {
        self.get(tuning).map_or_else(|| "null".to_owned(), |value| value.to_string())
    }

    /// Sets it to what an operator wrote: a number in its range, or `null` where it may be absent.
    ///
    /// # Errors
    ///
    /// [`SettingError::Range`]
    pub fn set(&'static self, tuning: &mut Tuning, text: &str) -> Result<(), SettingError> {
        let value = match text.parse().ok().filter(|value| self.range.contains(value)) {
            None if text == "null" && self.absent.is_some() => None,
            None => return Err(SettingError::Range { setting: self, text: text.to_owned() }),
            value => value,
        };
        (self.set)(tuning, value);
        Ok(())
    }

    fn allowed(&self) -> String {
        let (least, most) = (self.range.start(), self.range.end());
        let null = self.absent.map_or_else(String::new, |absent| format!(", or null for {absent}"));
        format!("{least} to {most} {}{null}", self.unit)
    }

    /// Describes what may be written, and the default: `1 to 1000 zones; by default 8`.
    pub fn described(&self) -> String {
        let default = self.shown(&Tuning::default());
        format!("{}; by default {default}", self.allowed())
    }
}

impl Tuning {
    /// Sets one by its name to what an operator wrote.
    ///
    /// # Errors
    ///
    /// [`SettingError`]
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), SettingError> {
        let setting = SETTINGS.iter().find(|setting| setting.name == name);
        setting.ok_or_else(|| SettingError::Unknown { name: name.to_owned() })?.set(self, text)
    }
}

/// A setting cannot be changed so.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// There is none of this name.
    #[error("there is no setting {name}, only {}", names())]
    Unknown {
        /// The name.
        name: String,
    },
    /// It would be too little, too much, or no number.
    #[error("{}={text} makes no sense: write {}", setting.name, setting.allowed())]
    Range {
        /// The setting.
        setting: &'static Setting,
        /// The text that was written.
        text: String,
    },
}

fn names() -> String {
    SETTINGS.iter().map(|setting| setting.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_range_and_takes_its_ends() {
        let members = serde_json::to_value(Tuning::default()).unwrap();
        let names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        let mut serialized: Vec<_> = members.as_object().unwrap().keys().cloned().collect();
        serialized.sort();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(serialized, sorted, "the table has all of them");
        for setting in &SETTINGS {
            for value in [*setting.range.start(), *setting.range.end()] {
                let mut tuning = Tuning::default();
                tuning.set(setting.name, &value.to_string()).unwrap();
                assert_eq!(setting.get(&tuning), Some(value), "{}", setting.name);
                let json = serde_json::to_value(&tuning).unwrap();
                assert_eq!(json[setting.name], value, "{}", setting.name);
            }
            let default = setting.get(&Tuning::default());
            assert!(
                default.is_none_or(|default| setting.range.contains(&default)),
                "{}",
                setting.name
            );
        }
    }

    #[test]
    fn nonsense_is_refused_with_the_range() {
        for (name, text, said) in [
            ("router_concurrency", "0", "write 1 to 1000 zones"),
            ("delete_batch", "0", "write 1 to 100000 rows"),
            ("delete_batch", "many", "delete_batch=many makes no sense"),
            ("delete_batch", "-1", "write 1 to 100000 rows"),
            ("delete_batch", "null", "write 1 to 100000 rows"),
            ("delete_max_lag_bytes", "1", "write 65536 to"),
            ("budget_seconds", "0", "write 1 to 86400 s, or null for the plan's own"),
            ("wait_seconds", "99999999999999999999", "write 1 to 2592000 s"),
            ("speed", "1", "there is no setting speed, only router_concurrency, "),
        ] {
            let mut tuning = Tuning::default();
            let error = tuning.set(name, text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
            assert_eq!(tuning, Tuning::default());
        }
        let mut tuning = Tuning { budget_seconds: Some(9), ..Tuning::default() };
        tuning.set("budget_seconds", "null").unwrap();
        assert_eq!(tuning, Tuning::default());
    }
}

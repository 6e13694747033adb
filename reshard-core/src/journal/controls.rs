//! The operator's wishes for a plan that runs.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

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
    /// Take everything back.
    pub abort: bool,
    /// Live settings.
    pub knobs: Knobs,
}

/// Settings that may be changed while a plan runs. [`KNOBS`] has their units and ranges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
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
    /// The longest that writes may be refused, in seconds; absent for the plan's own budget.
    pub budget_seconds: Option<u64>,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            router_concurrency: ROUTER_CONCURRENCY,
            delete_batch: 500,
            delete_pause_ms: 20,
            delete_max_lag_bytes: 16 << 20,
            patience_seconds: 120,
            wait_seconds: 24 * 3600,
            budget_seconds: None,
        }
    }
}

/// One of the [`Knobs`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Knob {
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
    get: fn(&Knobs) -> Option<u64>,
    set: fn(&mut Knobs, Option<u64>),
}

const DAY: u64 = 24 * 3600;

/// All settings, in the order in which they are shown.
pub static KNOBS: [Knob; 7] = [
    Knob {
        name: "router_concurrency",
        unit: "zones",
        range: 1..=1000,
        about: "routers' zones that are changed at a time",
        absent: None,
        get: |knobs| Some(knobs.router_concurrency.into()),
        set: |knobs, value| knobs.router_concurrency = small(value),
    },
    Knob {
        name: "delete_batch",
        unit: "rows",
        range: 1..=100_000,
        about: "ghost rows that one transaction deletes",
        absent: None,
        get: |knobs| Some(knobs.delete_batch.into()),
        set: |knobs, value| knobs.delete_batch = small(value),
    },
    Knob {
        name: "delete_pause_ms",
        unit: "ms",
        range: 0..=60_000,
        about: "the pause between two such transactions",
        absent: None,
        get: |knobs| Some(knobs.delete_pause_ms),
        set: |knobs, value| knobs.delete_pause_ms = value.unwrap_or_default(),
    },
    Knob {
        name: "delete_max_lag_bytes",
        unit: "bytes",
        range: 65_536..=1 << 40,
        about: "deleting waits while the sync is further behind",
        absent: None,
        get: |knobs| Some(knobs.delete_max_lag_bytes),
        set: |knobs, value| knobs.delete_max_lag_bytes = value.unwrap_or_default(),
    },
    Knob {
        name: "patience_seconds",
        unit: "s",
        range: 0..=DAY,
        about: "how long a trouble that may pass is tried again outside the write block",
        absent: None,
        get: |knobs| Some(knobs.patience_seconds),
        set: |knobs, value| knobs.patience_seconds = value.unwrap_or_default(),
    },
    Knob {
        name: "wait_seconds",
        unit: "s",
        range: 1..=30 * DAY,
        about: "how long others' work (restores, replication, dumps) is waited for",
        absent: None,
        get: |knobs| Some(knobs.wait_seconds),
        set: |knobs, value| knobs.wait_seconds = value.unwrap_or_default(),
    },
    Knob {
        name: "budget_seconds",
        unit: "s",
        range: 1..=DAY,
        about: "how long writes may be refused",
        absent: Some("the plan's own"),
        get: |knobs| knobs.budget_seconds,
        set: |knobs, value| knobs.budget_seconds = value,
    },
];

/// Ranges see to it that it fits.
fn small(value: Option<u64>) -> u32 {
    value.and_then(|value| u32::try_from(value).ok()).unwrap_or(u32::MAX)
}

impl Knob {
    /// The number that it is set to; `None` for [`Knob::absent`].
    pub fn get(&self, knobs: &Knobs) -> Option<u64> {
        (self.get)(knobs)
    }

    /// The number, or what stands for none.
    pub fn shown(&self, knobs: &Knobs) -> String {
        self.get(knobs).map_or_else(|| "null".to_owned(), |value| value.to_string())
    }

    /// Sets it to what an operator wrote: a number in its range, or `null` where it may be absent.
    ///
    /// # Errors
    ///
    /// [`KnobError::Range`]
    pub fn set(&'static self, knobs: &mut Knobs, text: &str) -> Result<(), KnobError> {
        let value = match text.parse().ok().filter(|value| self.range.contains(value)) {
            None if text == "null" && self.absent.is_some() => None,
            None => return Err(KnobError::Range { knob: self, text: text.to_owned() }),
            value => value,
        };
        (self.set)(knobs, value);
        Ok(())
    }

    fn allowed(&self) -> String {
        let (least, most) = (self.range.start(), self.range.end());
        let null = self.absent.map_or_else(String::new, |absent| format!(", or null for {absent}"));
        format!("{least} to {most} {}{null}", self.unit)
    }

    /// Describes what may be written, and the default: `1 to 1000 zones; by default 8`.
    pub fn described(&self) -> String {
        let default = self.shown(&Knobs::default());
        format!("{}; by default {default}", self.allowed())
    }
}

impl Knobs {
    /// Sets one by its name to what an operator wrote.
    ///
    /// # Errors
    ///
    /// [`KnobError`]
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), KnobError> {
        let knob = KNOBS.iter().find(|knob| knob.name == name);
        knob.ok_or_else(|| KnobError::Unknown { name: name.to_owned() })?.set(self, text)
    }
}

/// A setting cannot be changed so.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KnobError {
    /// There is none of this name.
    #[error("there is no setting {name}, only {}", names())]
    Unknown {
        /// The name.
        name: String,
    },
    /// It would be too little, too much, or no number.
    #[error("{}={text} makes no sense: write {}", knob.name, knob.allowed())]
    Range {
        /// The setting.
        knob: &'static Knob,
        /// The text that was written.
        text: String,
    },
}

fn names() -> String {
    KNOBS.iter().map(|knob| knob.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_range_and_takes_its_ends() {
        let members = serde_json::to_value(Knobs::default()).unwrap();
        let names: Vec<_> = KNOBS.iter().map(|knob| knob.name).collect();
        let mut serialized: Vec<_> = members.as_object().unwrap().keys().cloned().collect();
        serialized.sort();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(serialized, sorted, "the table has all of them");
        for knob in &KNOBS {
            for value in [*knob.range.start(), *knob.range.end()] {
                let mut knobs = Knobs::default();
                knobs.set(knob.name, &value.to_string()).unwrap();
                assert_eq!(knob.get(&knobs), Some(value), "{}", knob.name);
                let json = serde_json::to_value(&knobs).unwrap();
                assert_eq!(json[knob.name], value, "{}", knob.name);
            }
            let default = knob.get(&Knobs::default());
            assert!(default.is_none_or(|default| knob.range.contains(&default)), "{}", knob.name);
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
            let mut knobs = Knobs::default();
            let error = knobs.set(name, text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
            assert_eq!(knobs, Knobs::default());
        }
        let mut knobs = Knobs { budget_seconds: Some(9), ..Knobs::default() };
        knobs.set("budget_seconds", "null").unwrap();
        assert_eq!(knobs, Knobs::default());
    }
}

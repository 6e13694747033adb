//! What the checks came to.

use std::fmt;

use jiff::Timestamp;
use manatee_client::ShardName;
use serde::{Deserialize, Serialize};

/// The outcome of all checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// When they were made.
    pub taken: Timestamp,
    /// The shard that is to be split.
    pub source: ShardName,
    /// Every check, in a fixed order.
    pub checks: Vec<Check>,
}

/// The outcome of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its name, which never changes: `shard-replication`.
    pub name: String,
    /// What it came to.
    pub verdict: Verdict,
    /// What was found, in words.
    pub found: String,
    /// What to do; empty where there is nothing to do.
    pub remedy: String,
}

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It could not be asked here, and need not be.
    Skipped,
    /// All is well.
    Ok,
    /// The shard can be split, but somebody should look.
    Warning,
    /// The shard cannot be split like this.
    Failed,
}

impl Report {
    /// The worst verdict.
    pub fn verdict(&self) -> Verdict {
        self.checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Skipped)
    }

    /// The checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.verdict == Verdict::Failed)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Skipped => "skipped",
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        })
    }
}

/// What a check finds while it looks: the worst counts, and everything is told.
pub(super) struct Findings {
    name: &'static str,
    verdict: Verdict,
    found: Vec<String>,
    remedies: Vec<String>,
}

impl Findings {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, verdict: Verdict::Ok, found: Vec::new(), remedies: Vec::new() }
    }

    pub(super) fn warn(&mut self, found: impl fmt::Display, remedy: impl fmt::Display) {
        self.add(Verdict::Warning, found, remedy);
    }

    pub(super) fn fail(&mut self, found: impl fmt::Display, remedy: impl fmt::Display) {
        self.add(Verdict::Failed, found, remedy);
    }

    pub(super) fn add(
        &mut self,
        verdict: Verdict,
        found: impl fmt::Display,
        remedy: impl fmt::Display,
    ) {
        self.verdict = self.verdict.max(verdict);
        self.found.push(found.to_string());
        let remedy = remedy.to_string();
        if !remedy.is_empty() && !self.remedies.contains(&remedy) {
            self.remedies.push(remedy);
        }
    }

    /// What could not be seen.
    pub(super) fn blind(&mut self, why: impl fmt::Display) {
        self.fail(format!("cannot be checked: {why}"), "make it answer, then check again");
    }

    /// The check; `well` tells what was seen if nothing is wrong.
    pub(super) fn or_ok(self, well: impl Into<String>) -> Check {
        let found = if self.found.is_empty() { well.into() } else { self.found.join("; ") };
        Check {
            name: self.name.to_owned(),
            verdict: self.verdict,
            found,
            remedy: self.remedies.join("; "),
        }
    }

    pub(super) fn skipped(self, why: impl Into<String>) -> Check {
        Check {
            name: self.name.to_owned(),
            verdict: Verdict::Skipped,
            found: why.into(),
            remedy: String::new(),
        }
    }
}

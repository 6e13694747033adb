//! The outcome of the checks.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use manatee_client::ShardName;
use serde::{Deserialize, Serialize};

use super::unseen::Unseen;
use crate::causes::printable;
use crate::hint::{Hint, Operation, hint};

/// The outcome of all checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The time at which they were made.
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
    /// Its verdict.
    pub verdict: Verdict,
    /// The findings, in words.
    pub found: String,
    /// The remedy; empty where there is nothing to do.
    pub remedy: Hint,
    /// The things that it could not see, as long as that is not told in words.
    #[serde(skip)]
    unseen: Vec<Unseen>,
}

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was not made: it need not be, or what it needs is itself a failed check.
    Skipped,
    /// All is well.
    Ok,
    /// The shard can be split, but somebody should look.
    Warning,
    /// The shard cannot be split like this.
    Failed,
}

impl Report {
    /// The outcome of these checks. What several could not see for one cause is told once, by a check of its own.
    pub(super) fn new(taken: Timestamp, source: ShardName, mut checks: Vec<Check>) -> Self {
        let causes = shared_causes(&checks);
        for check in &mut checks {
            check.tell(&causes);
        }
        let told = causes.iter().map(|cause| cause.check(&source));
        let checks = told.chain(checks).collect();
        Self { taken, source, checks }
    }

    /// The worst verdict.
    pub fn verdict(&self) -> Verdict {
        self.checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Skipped)
    }

    /// The checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.verdict == Verdict::Failed)
    }
}

/// A reason why several checks cannot be made, or an API that fails.
struct Cause {
    unseen: Unseen,
    /// The names of the checks that need it.
    needed_by: Vec<String>,
}

/// The causes that are told by checks of their own: every API that fails, and whatever else keeps several checks from being made.
fn shared_causes(checks: &[Check]) -> Vec<Cause> {
    let mut causes: Vec<Cause> = Vec::new();
    for check in checks {
        for unseen in check.unseen.iter().filter(|unseen| unseen.teller().is_none()) {
            match causes.iter_mut().find(|cause| cause.unseen.has_cause_of(unseen)) {
                Some(cause) if cause.needed_by.contains(&check.name) => {}
                Some(cause) => cause.needed_by.push(check.name.clone()),
                None => causes
                    .push(Cause { unseen: unseen.clone(), needed_by: vec![check.name.clone()] }),
            }
        }
    }
    causes.retain(|cause| cause.needed_by.len() > 1 || cause.unseen.api().is_some());
    causes
}

impl Cause {
    fn check(&self, source: &ShardName) -> Check {
        let count = match self.needed_by.len() {
            1 => "1 check needs it".to_owned(),
            count => format!("{count} checks need it"),
        };
        let again = Operation::CheckShard { shard: source.clone() };
        Check {
            name: "answers".to_owned(),
            verdict: Verdict::Failed,
            found: format!("{}; {count}: {}", self.unseen, self.needed_by.join(", ")),
            remedy: match self.unseen.api() {
                Some(api) => {
                    let ping =
                        format!("make {} answer: `curl -i {}/ping`; then ", api.name, api.url);
                    hint!(ping, again)
                }
                None => hint!("fix that; then ", again),
            },
            unseen: Vec::new(),
        }
    }

    /// The name of the API that fails, if it is one.
    fn api(&self) -> Option<&str> {
        self.unseen.api().map(|api| api.name.as_str())
    }
}

impl Check {
    /// An outcome in words.
    pub fn new(name: &str, verdict: Verdict, found: &str, remedy: impl Into<Hint>) -> Self {
        let [name, found] = [name, found].map(str::to_owned);
        Self { name, verdict, found, remedy: remedy.into(), unseen: Vec::new() }
    }

    /// Puts what could not be seen into words, and for what is told elsewhere only its name.
    fn tell(&mut self, causes: &[Cause]) {
        let (mut wanted, mut words): (Vec<Option<&str>>, Vec<String>) = (Vec::new(), Vec::new());
        let mut tellers = BTreeSet::new();
        for unseen in std::mem::take(&mut self.unseen) {
            if let Some(teller) = unseen.teller() {
                tellers.insert(teller);
                continue;
            }
            match causes.iter().find(|cause| cause.unseen.has_cause_of(&unseen)) {
                Some(cause) if wanted.contains(&cause.api()) => {}
                Some(cause) => wanted.push(cause.api()),
                None => words.push(format!("cannot be checked: {unseen}")),
            }
        }
        if !words.is_empty() {
            let before = std::mem::take(&mut self.remedy);
            let all = [before, "make it answer, then check again".into()];
            self.remedy = Hint::join(all.into_iter().filter(|hint| !hint.is_empty()), "; ");
        }
        if !wanted.is_empty() || !tellers.is_empty() {
            let see: Vec<String> = (!wanted.is_empty())
                .then_some("answers")
                .into_iter()
                .chain(tellers)
                .map(|name| format!("`{name}`"))
                .collect();
            let (see, apis) = (see.join(" and "), wanted.into_iter().flatten().collect::<Vec<_>>());
            let why = if apis.is_empty() {
                format!("see {see}")
            } else {
                format!("it needs {} (see {see})", apis.join(" and "))
            };
            if self.found.is_empty() && words.is_empty() {
                self.verdict = Verdict::Skipped;
                words.push(format!("not made: {why}"));
            } else {
                words.push(format!("the rest was not checked: {why}"));
            }
        }
        for word in words {
            add(&mut self.found, &word);
        }
    }
}

/// Another part of a text.
fn add(text: &mut String, part: &str) {
    if !text.is_empty() {
        text.push_str("; ");
    }
    text.push_str(part);
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

/// The findings of a check while it looks: the worst counts, and everything is told.
pub(super) struct Findings {
    name: &'static str,
    verdict: Verdict,
    found: Vec<String>,
    remedies: Vec<Hint>,
    unseen: Vec<Unseen>,
}

impl Findings {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            verdict: Verdict::Ok,
            found: Vec::new(),
            remedies: Vec::new(),
            unseen: Vec::new(),
        }
    }

    pub(super) fn warn(&mut self, found: impl fmt::Display, remedy: impl Into<Hint>) {
        self.add(Verdict::Warning, found, remedy);
    }

    pub(super) fn fail(&mut self, found: impl fmt::Display, remedy: impl Into<Hint>) {
        self.add(Verdict::Failed, found, remedy);
    }

    pub(super) fn add(
        &mut self,
        verdict: Verdict,
        found: impl fmt::Display,
        remedy: impl Into<Hint>,
    ) {
        self.verdict = self.verdict.max(verdict);
        self.found.push(printable(&found.to_string()));
        let remedy = remedy.into();
        if !remedy.is_empty() && !self.remedies.contains(&remedy) {
            self.remedies.push(remedy);
        }
    }

    /// Tells that something could not be seen. If an API is at fault, that is told once for all that needs it.
    pub(super) fn unseen(
        &mut self,
        verdict: Verdict,
        why: &Unseen,
        what: impl fmt::Display,
        remedy: impl Into<Hint>,
    ) {
        if why.api().is_some() {
            self.blind(why);
        } else {
            self.add(verdict, format!("{what}: {why}"), remedy);
        }
    }

    /// Notes what an API hides; whatever else hides something is told by the check that looks for it.
    pub(super) fn hidden(&mut self, why: &Unseen) {
        if why.api().is_some() {
            self.blind(why);
        }
    }

    /// Notes what could not be seen.
    pub(super) fn blind(&mut self, why: impl Into<Unseen>) {
        self.verdict = Verdict::Failed;
        self.unseen.push(why.into());
    }

    /// Tells whether something could not be seen.
    pub(super) fn is_blind(&self) -> bool {
        !self.unseen.is_empty()
    }

    /// The check; `well` tells what was seen if nothing is wrong.
    pub(super) fn or_ok(self, well: impl Into<String>) -> Check {
        let is_well = self.found.is_empty() && self.unseen.is_empty();
        let found = if is_well { well.into() } else { self.found.join("; ") };
        Check {
            name: self.name.to_owned(),
            verdict: self.verdict,
            found,
            remedy: Hint::join(self.remedies, "; "),
            unseen: self.unseen,
        }
    }

    pub(super) fn skipped(self, why: impl Into<String>) -> Check {
        Check {
            name: self.name.to_owned(),
            verdict: Verdict::Skipped,
            found: why.into(),
            remedy: Hint::default(),
            unseen: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;

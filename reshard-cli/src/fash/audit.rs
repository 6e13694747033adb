use std::io::Write;

use fash::{Audit, DatabaseError, Finding, RingReader, Severity, StoreError};
use reshard_core::Chain;
use serde::Serialize;

use super::error::{Error, Result};
use super::source::{StoreArgs, noticing};
use crate::exit;
use crate::output::{Output, say};
use crate::progress::with_bar;

/// Check every record of a LevelDB ring, changing nothing
///
/// Prints a line for each thing that is wrong (`damage`) or only unusual (`warning`). The exit status is 0 if the ring
/// is sound, 2 if it is damaged and 1 if it could not be checked. `fash repair` mends what follows from the rest.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  fash audit -l ring
  fash audit -l /electric-moray/chash/leveldb-2020 --live --json")]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    ring: StoreArgs,

    /// Print a JSON object: the number of keys, whether the ring is sound, and the findings
    #[arg(long)]
    json: bool,
}

/// The outcome, as `--json` prints it.
#[derive(Serialize)]
struct Report {
    keys: u64,
    sound: bool,
    findings: Vec<Reported>,
}

#[derive(Serialize)]
struct Reported {
    severity: Severity,
    #[serde(flatten)]
    what: What,
}

#[derive(Serialize)]
#[serde(untagged)]
enum What {
    Finding(Finding),
    /// The ring could not even be read.
    Unreadable {
        kind: &'static str,
        problem: String,
    },
}

impl AuditArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<u8> {
        let what = format!("checking {}", self.ring.location.display());
        let check =
            |ring: &RingReader| with_bar(what, |progress| ring.audit_with_progress(progress));
        let report = match self.ring.open().and_then(|ring| noticing(&ring, check)) {
            Ok(audit) => Report::from(audit),
            Err(Error::Store(error)) if is_about_the_ring(&error) => Report::unreadable(&error),
            Err(error) => return Err(error),
        };
        if self.json {
            out.json(&report)?;
        } else {
            for Reported { severity, what } in &report.findings {
                let severity = match severity {
                    Severity::Damage => "damage",
                    Severity::Warning => "warning",
                };
                match what {
                    What::Finding(finding) => writeln!(out, "{severity}: {finding}")?,
                    What::Unreadable { problem, .. } => writeln!(out, "{severity}: {problem}")?,
                }
            }
        }
        out.flush()?;
        let verdict = if report.sound { "sound" } else { "damaged" };
        let count = report.findings.len();
        say(format_args!(
            "fash: the ring is {verdict}; keys checked: {}, findings: {count}",
            report.keys
        ));
        Ok(if report.sound { exit::SUCCESS } else { exit::DAMAGED })
    }
}

/// Tells whether the error says that the ring is damaged, rather than that it could not be looked at.
fn is_about_the_ring(error: &StoreError) -> bool {
    if let StoreError::Database(error) = error {
        matches!(
            error,
            DatabaseError::MissingFile { .. }
                | DatabaseError::Corrupt { .. }
                | DatabaseError::TornLog { .. }
        )
    } else {
        error.is_damage() || matches!(error, StoreError::Interval { .. })
    }
}

impl From<Audit> for Report {
    fn from(audit: Audit) -> Self {
        let sound = audit.is_sound();
        let findings = audit
            .findings
            .into_iter()
            .map(|finding| Reported { severity: finding.severity(), what: What::Finding(finding) });
        Self { keys: audit.keys, sound, findings: findings.collect() }
    }
}

impl Report {
    fn unreadable(error: &StoreError) -> Self {
        let what = What::Unreadable { kind: "unreadable", problem: Chain(error).to_string() };
        let findings = vec![Reported { severity: Severity::Damage, what }];
        Self { keys: 0, sound: false, findings }
    }
}

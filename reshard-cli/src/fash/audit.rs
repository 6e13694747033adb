use std::io::Write;

use fash::RingReader;

use super::error::Result;
use super::source::{StoreArgs, noticing};
use crate::exit;
use crate::output::{Output, say};
use crate::progress::while_working;

/// Check every record of a LevelDB ring, changing nothing
///
/// Prints a line for each thing that is wrong. The exit status is 0 if the ring is sound, 2 if it is damaged and 1 if
/// it could not be checked. `fash repair` mends what can be derived from the rest.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  fash audit -l ring
  fash audit -l /electric-moray/chash/leveldb-2020 --live --json")]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    ring: StoreArgs,

    /// Print a JSON object with the number of keys and the findings
    #[arg(long)]
    json: bool,
}

impl AuditArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<u8> {
        let ring = self.ring.open()?;
        let what = format!("checking {}", self.ring.location.display());
        let audit = while_working(what, || noticing(&ring, RingReader::audit))?;
        if self.json {
            out.json(&audit)?;
        } else {
            for finding in &audit.findings {
                writeln!(out, "{finding}")?;
            }
        }
        let count = audit.findings.len();
        let verdict = if audit.is_sound() { "the ring is sound" } else { "the ring is damaged" };
        say(format_args!("fash: {} keys checked, {count} findings: {verdict}", audit.keys));
        Ok(if audit.is_sound() { exit::SUCCESS } else { exit::DAMAGED })
    }
}

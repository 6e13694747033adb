//! `reshard doctor`.

use std::path::PathBuf;

use clap::Args;
use manatee_client::ShardName;
use reshard_core::preflight::{Report, Subject, Verdict, check};
use reshard_core::{SqliteStore, Store, SystemClock};

use super::error::Result;
use super::format::Format;
use super::place::{Cache, Region};
use crate::exit;
use crate::output::Output;
use crate::screen::Mood;
use crate::table::Table;

/// Check whether a shard can be split now; nothing is changed
///
/// Exit status 2 if a check failed. A plan makes the same checks before it starts and before writes are refused.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard doctor 2.moray.coal.joyent.us
  reshard doctor 2.moray.coal.joyent.us --plan split.plan")]
pub(super) struct DoctorArgs {
    /// The shard
    shard: ShardName,
    #[command(flatten)]
    region: Region,
    /// Check for this plan: its servers, images, disk and new names too
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    cache: Cache,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl DoctorArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<u8> {
        let subject = match &self.plan {
            Some(file) => Subject::plan(&SqliteStore::open_read_only(file)?.plan()?),
            None => Subject::shard(self.shard),
        };
        let deployment = self.region.connect().await?;
        let report = check(&deployment, &subject, &self.cache.directory, &SystemClock).await;
        if self.output.is_json() {
            out.json(&report)?;
        } else {
            show(&report, out)?;
        }
        Ok(if report.verdict() == Verdict::Failed { exit::DAMAGED } else { exit::SUCCESS })
    }
}

fn show(report: &Report, out: &mut Output) -> Result<()> {
    let mut table = Table::new(["CHECK", "", "FOUND"]);
    for check in &report.checks {
        let cells = [check.name.clone(), check.verdict.to_string(), check.found.clone()];
        table.row_in(mood(check.verdict), cells);
    }
    out.table(table)?;
    for check in report.checks.iter().filter(|check| !check.remedy.is_empty()) {
        out.text_in(mood(check.verdict), "", format_args!("{}: {}", check.name, check.remedy))?;
    }
    Ok(())
}

fn mood(verdict: Verdict) -> Mood {
    match verdict {
        Verdict::Skipped => Mood::Faint,
        Verdict::Ok => Mood::Plain,
        Verdict::Warning => Mood::Warning,
        Verdict::Failed => Mood::Bad,
    }
}

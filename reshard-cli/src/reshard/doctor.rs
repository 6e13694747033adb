//! `reshard doctor`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use manatee_client::ShardName;
use reshard_core::preflight::{Subject, Verdict, check};
use reshard_core::{SqliteStore, Store, SystemClock};

use super::error::Result;
use super::format::Format;
use super::place::{Cache, Region};
use crate::exit;
use crate::output::Output;

/// Check whether a shard can be split now; nothing is changed
///
/// Exit status 2 if a check failed. A plan makes the same checks before it starts and before writes are refused.
#[derive(Args, Debug)]
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
            let mut table = Table::new();
            table.load_style(NOTHING).set_header(["CHECK", "", "FOUND"]);
            for check in &report.checks {
                table.add_row([check.name.clone(), check.verdict.to_string(), check.found.clone()]);
            }
            writeln!(out, "{}", table.trim_fmt())?;
            for check in report.checks.iter().filter(|check| !check.remedy.is_empty()) {
                writeln!(out, "{}: {}", check.name, check.remedy)?;
            }
        }
        Ok(if report.verdict() == Verdict::Failed { exit::DAMAGED } else { exit::SUCCESS })
    }
}

//! `reshard doctor`.

use std::path::PathBuf;

use clap::Args;
use reshard_core::preflight::{Report, Subject, Verdict, check};
use reshard_core::{Journal, SqliteJournal, SystemClock};

use super::complete;
use super::error::{Error, Result};
use super::format::Format;
use super::in_words::InWords;
use super::mode::ModeName;
use super::place::{Cache, Region};
use super::runnable::Runnable;
use super::shard_arg::ShardArg;
use crate::exit;
use crate::output::Output;
use crate::screen::{Mood, Screen};
use crate::table::Table;

/// Check whether a shard can be split now; nothing is changed
///
/// Exit status 2 if a check failed. A plan makes the same checks before it starts and before writes are refused.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard doctor 2.moray.coal.joyent.us
  reshard doctor 2 --mode rfd103
  reshard doctor --plan split.plan")]
pub(super) struct DoctorArgs {
    /// The shard; its number is enough
    #[arg(add = complete::shards(), required_unless_present = "plan")]
    shard: Option<ShardArg>,
    /// The mode of the plan that will be made
    #[arg(long, value_enum, default_value_t, conflicts_with = "plan")]
    mode: ModeName,
    #[command(flatten)]
    region: Region,
    /// Check for this plan, and so the shard whose vnodes it moves: its servers, images, disk and new names too
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    cache: Cache,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl DoctorArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<u8> {
        let plan = match &self.plan {
            Some(file) => Some(SqliteJournal::open_read_only(file)?.plan().await?),
            None => None,
        };
        if let (Some(shard), Some(plan)) = (&self.shard, &plan)
            && !shard.may_be(plan.source())
        {
            let (written, from) = (shard.written().to_string(), plan.source().clone());
            return Err(Error::OtherShard { written, from });
        }
        let cache = self.cache.open()?;
        let deployment = self.region.connect().await?;
        let subject = match (&plan, &self.shard) {
            (Some(plan), _) => Subject::plan(plan),
            (None, Some(shard)) => {
                Subject::shard(shard.resolve(&deployment).await?).in_mode(self.mode.into())
            }
            // clap has seen to that.
            (None, None) => return Ok(exit::FAILURE),
        };
        let runnable = self.plan.as_ref().map(|file| Runnable::new(file, None));
        let report = check(&deployment, &subject, cache.path(), &SystemClock).await;
        let report = report.in_words(runnable.as_ref().map(Runnable::file));
        if self.output.is_json() {
            out.json(&report)?;
        } else {
            out.lines(Mood::Plain, &lines(&report, out.screen()))?;
        }
        Ok(if report.verdict() == Verdict::Failed { exit::DAMAGED } else { exit::SUCCESS })
    }
}

fn lines(report: &Report, screen: Screen) -> Vec<String> {
    let mut table = Table::new(["CHECK", "", "FOUND"]);
    for check in &report.checks {
        let cells = [check.name.clone(), check.verdict.to_string(), check.found.clone()];
        table.row_in(mood(check.verdict), cells);
    }
    let mut lines = table.lines(screen);
    for check in report.checks.iter().filter(|check| !check.remedy.is_empty()) {
        let remedy = screen.lines("", &format!("{}: {}", check.name, check.remedy));
        let mood = mood(check.verdict);
        lines.extend(remedy.iter().map(|line| screen.coloured(mood, line)));
    }
    lines
}

fn mood(verdict: Verdict) -> Mood {
    match verdict {
        Verdict::Skipped => Mood::Faint,
        Verdict::Ok => Mood::Plain,
        Verdict::Warning => Mood::Warning,
        Verdict::Failed => Mood::Bad,
    }
}

#[cfg(test)]
mod tests {
    use reshard_core::preflight::Check;

    use super::*;

    #[test]
    fn it_fits_80_columns() {
        let check = |verdict, found: &str, remedy: &str| {
            Check::new("shard-transactions", verdict, found, remedy)
        };
        let url = format!("http://imgapi.example.net/images/{}", "f3a8a7c2-".repeat(8));
        let report = Report {
            taken: jiff::Timestamp::UNIX_EPOCH,
            source: "2.moray.lab.example.net".parse().unwrap(),
            checks: vec![
                check(Verdict::Ok, &"all of them are healthy ".repeat(9), ""),
                check(Verdict::Failed, &format!("no answer from {url}"), &"mend it ".repeat(30)),
            ],
        };
        let lines = lines(&report, Screen::plain(80));
        for line in lines.iter().filter(|line| !line.contains(&url)) {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(lines.iter().any(|line| line.ends_with(&url)), "{lines:?}");
    }
}

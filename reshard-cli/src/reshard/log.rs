//! `reshard log`.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use reshard_core::{Entry, Journal, PlanState};

use super::complete;
use super::control::check_phase;
use super::entry::{head, line, mood};
use super::error::{Error, Result};
use super::format::Format;
use super::in_words::InWords;
use super::place::PlanFile;
use crate::output::Output;

/// The interval between two looks for new lines.
const POLL: Duration = Duration::from_millis(500);

/// Print the log of a plan: what was done, noted, and went wrong
///
/// Times are in UTC. In a pipe every entry is one line; on a terminal long ones are broken.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard log split.plan
  reshard log split.plan --follow --since 10m
  reshard log split.plan --phase block-writes --since 2026-01-31T20:00:00Z")]
pub(super) struct LogArgs {
    #[command(flatten)]
    file: PlanFile,
    /// Go on with what is logged from now on, until the plan is over
    #[arg(short, long)]
    follow: bool,
    /// Only what was logged since then: a time, or how long ago, such as 90s, 10m, 2h, 1d
    #[arg(long, value_name = "TIME|DURATION")]
    since: Option<String>,
    /// Only what this phase logged; `reshard phases` lists them
    #[arg(long, value_name = "PHASE", add = complete::phases())]
    phase: Option<String>,
    /// Output format; JSON is one document a line
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl LogArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let since = self.since.as_deref().map(|text| since(text, Timestamp::now())).transpose()?;
        let store = self.file.look()?;
        if let Some(phase) = &self.phase {
            check_phase(&store, phase).await?;
        }
        let wanted = |entry: &Entry| {
            since.is_none_or(|since| entry.at >= since)
                && self.phase.as_ref().is_none_or(|phase| entry.phase == *phase)
        };
        let mut last = 0;
        loop {
            // Before the log: what is logged between the two is printed in the next round, if there is one.
            let is_over = matches!(store.state().await?, PlanState::Done | PlanState::Aborted);
            for (number, entry) in store.log_after(last).await? {
                last = number;
                if wanted(&entry) {
                    self.print(&entry, out)?;
                }
            }
            out.flush()?;
            if !self.follow || is_over {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn print(&self, entry: &Entry, out: &mut Output) -> Result<()> {
        if self.output.is_json() {
            return Ok(out.json(&entry.clone().in_words(Some(&self.file.typed())))?);
        }
        let head = format!("{}{}", entry.at.strftime("%Y-%m-%d "), head(entry));
        let lines = out.screen().for_records().lines(&head, &line(entry, &self.file.typed()));
        Ok(out.lines(mood(entry.kind), &lines)?)
    }
}

/// A time, or a duration before now.
pub(super) fn since(text: &str, now: Timestamp) -> Result<Timestamp> {
    let ago = || {
        let span: Span = text.parse().ok()?;
        let ago: SignedDuration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
        now.checked_sub(ago.abs()).ok()
    };
    let parsed = text.parse().ok().or_else(ago);
    parsed.ok_or_else(|| Error::Since { text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_or_how_long_ago() {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        for (text, then) in [
            ("90s", "2026-01-31T11:58:30Z"),
            ("10m", "2026-01-31T11:50:00Z"),
            ("1h30m", "2026-01-31T10:30:00Z"),
            ("2 hours", "2026-01-31T10:00:00Z"),
            ("1d", "2026-01-30T12:00:00Z"),
            ("2026-01-31T11:00:00Z", "2026-01-31T11:00:00Z"),
            ("2026-01-31T12:00:00+01:00", "2026-01-31T11:00:00Z"),
        ] {
            assert_eq!(since(text, now).unwrap().to_string(), then, "{text}");
        }
        for text in ["yesterday", "", "10", "2026-01-31", "1 month"] {
            assert!(since(text, now).is_err(), "{text}");
        }
    }
}

//! `reshard status`.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use reshard_core::{Activity, PhaseState, PlanState, Report, SqliteStore, Store, phases};
use serde::Serialize;

use super::error::Result;
use super::format::Format;
use super::place::PlanFile;
use crate::output::Output;
use crate::screen::Mood;
use crate::table::Table;

/// Show how far a plan is, what it does this moment, and what there is to do
#[derive(Args, Debug)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    file: PlanFile,
    /// Print it again every second until the plan stops
    #[arg(short, long)]
    watch: bool,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Serialize)]
struct Status {
    report: Report,
    activity: Option<Activity>,
}

impl StatusArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let store = self.file.look()?;
        loop {
            let state = self.print(&store, out)?;
            out.flush()?;
            if !self.watch || !matches!(state, PlanState::Running | PlanState::Aborting) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    fn print(&self, store: &SqliteStore, out: &mut Output) -> Result<PlanState> {
        let report = Report::of(store, &phases::rfd103())?;
        let activity = present(store.activity()?, &report);
        let state = report.state.clone();
        if self.output.is_json() {
            out.json(&Status { report, activity })?;
            return Ok(state);
        }
        writeln!(out, "plan {}: {} to {}", report.plan, report.source, shards(&report))?;
        let mut table = Table::new(["PHASE", "STATE", "SECONDS", "ATTEMPTS"]);
        for phase in &report.phases {
            let seconds = phase.seconds.map_or_else(String::new, |took| format!("{took:.1}"));
            let state = format!("{:?}", phase.state).to_lowercase();
            table.row([phase.name.clone(), state, seconds, phase.attempts.to_string()]);
        }
        let all = phases::rfd103().len();
        out.table(table)?;
        writeln!(out, "{} of {all} phases begun", report.phases.len())?;
        for block in &report.write_block.all {
            if let Some(took) = block.took() {
                let how = if block.moved { "the vnodes moved" } else { "taken back" };
                writeln!(out, "writes were refused for {:.1} s: {how}", took.as_secs_f64())?;
            }
        }
        match &report.state {
            PlanState::Held { phase, what, remedy } => {
                out.text_in(Mood::Bad, "HELD ", format_args!("in {phase}: {what}"))?;
                out.text("To do: ", remedy)?;
            }
            PlanState::Running | PlanState::Aborting => now(activity.as_ref(), out)?,
            PlanState::Planned => writeln!(out, "not begun: `reshard run` begins")?,
            PlanState::Paused => writeln!(out, "paused: `reshard resume` goes on")?,
            PlanState::Aborted => writeln!(out, "taken back")?,
            PlanState::Done => {
                out.text_in(Mood::Good, "", "done: `reshard report` tells more")?;
            }
        }
        Ok(state)
    }
}

/// What is going on. A phase that has not said yet what it does is not to be taken for the one before it.
fn present(said: Option<Activity>, report: &Report) -> Option<Activity> {
    let phase = |state| report.phases.iter().find(|phase| phase.state == state);
    if let Some(undoing) = phase(PhaseState::Undoing) {
        return said.filter(|said| said.phase == undoing.name);
    }
    let begun = phase(PhaseState::Begun)?;
    Some(said.filter(|said| said.phase == begun.name).unwrap_or_else(|| Activity {
        phase: begun.name.clone(),
        what: begun.title.clone(),
        since: begun.began,
        you_can: None,
        progress: None,
    }))
}

fn now(activity: Option<&Activity>, out: &mut Output) -> Result<()> {
    let Some(activity) = activity else { return Ok(()) };
    let since = Timestamp::now().duration_since(activity.since).as_secs();
    write!(out, "now: {}: {}, since {since} s", activity.phase, activity.what)?;
    if let Some(progress) = &activity.progress {
        write!(out, ", {} of {} {}", progress.done, progress.total, progress.unit)?;
    }
    if let Some(can) = activity.you_can.as_deref().filter(|can| !can.is_empty()) {
        write!(out, "; you can {can}")?;
    }
    writeln!(out)?;
    Ok(())
}

fn shards(report: &Report) -> String {
    report.targets.iter().map(|(shard, _)| shard.as_str()).collect::<Vec<_>>().join(", ")
}

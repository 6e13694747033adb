//! `reshard run`, `reshard resume`, `reshard abort`.

use std::sync::Arc;

use clap::Args;
use reshard_core::{Ended, Executor, Plan, PlanState, SqliteStore, Store, phases};

use super::confirm::Confirm;
use super::error::Result;
use super::place::{PlanFile, Region};
use super::plan::summary;
use super::watch::Watch;
use crate::exit;
use crate::output::{Output, say};

/// Carry a plan out, or go on with it
///
/// It can be interrupted at any time, also by kill -9: `reshard resume` goes on where it was. From another terminal,
/// `reshard status`, `pause`, `abort` and `tune` work on the same file.
#[derive(Args, Debug)]
pub(super) struct RunArgs {
    #[command(flatten)]
    file: PlanFile,
    #[command(flatten)]
    region: Region,
    #[command(flatten)]
    confirm: Confirm,
    /// Stop before this phase; `reshard phases` lists them
    #[arg(long, value_name = "PHASE")]
    pause_before: Option<String>,
    /// Only print what would be done
    #[arg(long)]
    dry_run: bool,
    /// Print every single change
    #[arg(short, long)]
    verbose: bool,
}

impl RunArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<u8> {
        let store = self.file.open()?;
        let plan = store.plan()?;
        if self.dry_run {
            summary(&plan, out)?;
            return Ok(exit::SUCCESS);
        }
        if store.state()? == PlanState::Planned {
            self.confirm.ask(&question(&plan))?;
        }
        if let Some(phase) = self.pause_before {
            super::control::check_phase(&phase)?;
            let mut controls = store.controls()?;
            controls.pause_before = Some(phase);
            store.set_controls(&controls)?;
        }
        execute(&self.region, store, self.verbose, false).await
    }
}

fn question(plan: &Plan) -> String {
    let moved: usize = plan.targets.iter().map(|target| target.vnodes.len()).sum();
    format!(
        "{moved} vnodes of {} move to {} new shards; writes to them are refused for about {:.0} s",
        plan.request.source,
        plan.targets.len(),
        plan.prediction.write_block_seconds
    )
}

/// Take back everything that a plan did
///
/// Possible until the new ring is published; afterwards the plan can only go on.
#[derive(Args, Debug)]
pub(super) struct AbortArgs {
    #[command(flatten)]
    file: PlanFile,
    #[command(flatten)]
    region: Region,
    #[command(flatten)]
    confirm: Confirm,
    /// Only print what would be taken back
    #[arg(long)]
    dry_run: bool,
    /// Tell the executor that runs the plan to do it, and do not wait
    #[arg(long)]
    signal: bool,
}

impl AbortArgs {
    pub(super) async fn run(self) -> Result<u8> {
        let store = self.file.open()?;
        let records = store.phases()?;
        let begun = phases::rfd103().into_iter().rev().filter(|phase| {
            records.get(phase.name()).is_some_and(|record| record.state.may_have_effects())
        });
        for phase in begun {
            say(format_args!("to be taken back: {} ({})", phase.about().title, phase.name()));
        }
        if self.dry_run {
            return Ok(exit::SUCCESS);
        }
        self.confirm.ask("Everything that the plan did is taken back")?;
        if self.signal {
            let mut controls = store.controls()?;
            controls.abort = true;
            store.set_controls(&controls)?;
            say(
                "The executor takes everything back as soon as it can; `reshard status` shows how far it is.",
            );
            return Ok(exit::SUCCESS);
        }
        execute(&self.region, store, false, true).await
    }
}

async fn execute(
    region: &Region,
    store: Arc<SqliteStore>,
    verbose: bool,
    abort: bool,
) -> Result<u8> {
    let deployment = region.connect().await?;
    let watch = Arc::new(Watch::new(verbose));
    let executor = Executor::new(store, deployment, phases::rfd103()).observed_by(watch.clone());
    let ended = if abort { executor.abort().await } else { executor.run().await };
    watch.finish();
    Ok(match ended? {
        Ended::Done => {
            say(
                "The plan is done. `reshard report` tells what was moved and how long writes were refused.",
            );
            exit::SUCCESS
        }
        Ended::Paused { phase } => {
            say(format_args!("Stopped before or in {phase}, as asked. `reshard resume` goes on."));
            exit::PAUSED
        }
        Ended::Held { phase, what, remedy } => {
            say(format_args!("HELD in {phase}: {what}\nTo do: {remedy}"));
            exit::HELD
        }
        Ended::Aborted => {
            say("Everything was taken back.");
            if abort { exit::SUCCESS } else { exit::ABORTED }
        }
    })
}

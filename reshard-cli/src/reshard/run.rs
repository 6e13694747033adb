//! `reshard run`, `reshard resume`, `reshard abort`.

use std::io::Write;

use clap::{Args, ValueEnum};
use reshard_core::quantity::{count, seconds};
use reshard_core::{Journal, Mode, Plan, PlanState, ValidPlan, rolled_back_by_abort};
use serde_json::json;

use super::complete;
use super::error::Result;
use super::execute::{ExecuteArgs, Work};
use super::format::Format;
use super::permission::PermissionArgs;
use super::plan::{Rest, head, summary};
use super::signal::{listener, when};
use crate::exit;
use crate::output::{Output, say, say_after};
use crate::screen::Mood;

/// Carry a plan out, or go on with it
///
/// It can be interrupted at any time, also by kill -9: `reshard resume` goes on where it was. From another terminal,
/// `reshard status`, `pause`, `abort` and `tune` work on the same file.
#[derive(Args, Debug)]
pub(super) struct RunArgs {
    #[command(flatten)]
    on: ExecuteArgs,
    /// Stop before this phase; `reshard phases` lists them
    #[arg(long, value_name = "PHASE", add = complete::phases())]
    pause_before: Option<String>,
    /// Stop at a good place of a guarded plan
    #[arg(long, value_name = "PLACE", value_enum, conflicts_with = "pause_before")]
    hold_at: Option<HoldAt>,
    #[command(flatten)]
    permission: PermissionArgs,
    /// Print every single change
    #[arg(short, long)]
    verbose: bool,
}

/// A good place of a guarded plan to stop at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HoldAt {
    /// The new shards follow the source, and nobody has noticed anything
    Ready,
    /// All routers are led to the new names, which lead to the source still
    Routed,
    /// The vnodes are at the new shards, and the way back is open
    Moved,
}

impl HoldAt {
    /// The phase before which that is.
    fn before(self) -> &'static str {
        match self {
            Self::Ready => "list-shard",
            Self::Routed => "cut-over",
            Self::Moved => "remove-guard",
        }
    }
}

impl RunArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<u8> {
        let store = self.on.file.open()?;
        let plan = store.plan().await?;
        if self.on.dry_run {
            preview(&*store, &plan, self.on.output, out).await?;
            return Ok(exit::SUCCESS);
        }
        if store.state().await? == PlanState::Planned {
            self.on.confirm.ask(&question(&plan))?;
        }
        self.permission.write_down(&store).await?;
        if let Some(phase) =
            self.pause_before.or(self.hold_at.map(|place| place.before().to_owned()))
        {
            super::control::check_phase(&store, &phase).await?;
            store
                .update_controls(&mut |controls| controls.pause_before = Some(phase.clone()))
                .await?;
        }
        self.on.execute(store, Work::Run, self.verbose, out).await
    }
}

/// The plan, or what of it is left to do once it has begun.
async fn preview(store: &dyn Journal, plan: &Plan, format: Format, out: &mut Output) -> Result<()> {
    if store.state().await? == PlanState::Planned {
        return if format.is_json() { Ok(out.json(plan)?) } else { summary(plan, out) };
    }
    let rest = Rest::of(plan, &plan.sequence()?, &store.phases().await?);
    if format.is_json() { Ok(out.json(&rest)?) } else { rest.show(out) }
}

fn question(plan: &ValidPlan) -> String {
    let blocked = seconds(plan.prediction.write_block_seconds);
    let then = match plan.request.mode {
        Mode::Guarded => format!("requests for them wait for about {blocked}"),
        Mode::Rfd103 | _ => format!("writes to them are refused for about {blocked}"),
    };
    format!(
        "{} vnodes of {} move to {}; {then}. Carry the plan out?",
        count(u64::try_from(plan.moving().len()).unwrap_or_default()),
        plan.source(),
        plan.target_names().join(", "),
    )
}

/// Roll back everything that a plan did
///
/// Possible until the new ring is published, and in the guarded mode until the guard is removed, also after the cutover: what was
/// written at the new shards goes back with the vnodes. Afterwards the plan can only go on.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard abort split.plan --dry-run
  reshard abort split.plan
  reshard abort split.plan --signal

Exit status:
  0  everything was rolled back
  1  it could not be begun, or there is no way back any more
  3  it holds: it needs the operator
  4  it was paused")]
pub(super) struct AbortArgs {
    #[command(flatten)]
    on: ExecuteArgs,
    /// Tell the executor that runs the plan to do it, and do not wait
    #[arg(long)]
    signal: bool,
}

/// The heading of the phases that an abort rolls back, and what stands for none.
const LIST: &str = "An abort rolls these phases back, in this order:";
const NOTHING: &str = "Nothing is to be rolled back: no phase has begun.";

impl AbortArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<u8> {
        let store = self.on.file.open()?;
        let sequence = store.plan().await?.sequence()?;
        let begun = rolled_back_by_abort(&*store, &sequence).await?;
        if self.on.dry_run {
            if self.on.output.is_json() {
                let names: Vec<_> = begun.iter().map(|phase| phase.name()).collect();
                out.json(&json!({ "rolled_back": names }))?;
                return Ok(exit::SUCCESS);
            }
            if begun.is_empty() {
                writeln!(out, "{NOTHING}")?;
                return Ok(exit::SUCCESS);
            }
            writeln!(out, "{LIST}")?;
            for phase in begun {
                out.text(&head("  ", phase.name()), phase.about().undo)?;
            }
            return Ok(exit::SUCCESS);
        }
        say(if begun.is_empty() { NOTHING } else { LIST });
        for phase in begun {
            say_after(&head("  ", phase.name()), Mood::Plain, phase.about().undo);
        }
        self.on.confirm.ask("Roll back everything that the plan did?")?;
        if self.signal {
            let liveness = listener(self.on.config(), &store).await?;
            store.update_controls(&mut |controls| controls.abort = true).await?;
            let file = self.on.file.typed();
            let now = format!(
                "The executor rolls everything back as soon as it can; `reshard status {file}` shows how far it is."
            );
            let then = format!(
                "the next `reshard resume {file}` rolls everything back, and `reshard abort {file}` does it now."
            );
            say(when(&liveness, &now, &then));
            if self.on.output.is_json() {
                out.json(&json!({ "signalled": true }))?;
            }
            return Ok(exit::SUCCESS);
        }
        self.on.execute(store, Work::Abort, false, out).await
    }
}

//! The runbook's steps, one verb each: for those who go by hand, phase by phase.

use std::io::Write;

use clap::{Args, Subcommand};
use command_line::unknown::Unknown;
use reshard_core::{Journal, PhaseState, Plan, Step};
use serde_json::json;

use super::error::Result;
use super::execute::{ExecuteArgs, Work};
use super::format::Format;
use crate::exit;
use crate::output::{Output, say};

/// One phase of a plan by hand
///
/// Phases go in their order, and `reshard resume` takes over at any time.
#[derive(Args, Debug)]
pub(super) struct StepArgs {
    #[command(flatten)]
    on: ExecuteArgs,
}

/// The part of a plan that a verb does: the phase's name.
pub(super) trait Verb {
    /// The phases of all verbs, in the order of the verbs.
    const PHASES: &'static [&'static str];

    fn phase(&self) -> &'static str;
    fn args(self) -> StepArgs;
}

macro_rules! verbs {
    ($(#[$doc:meta])* $name:ident { $($(#[$verb_doc:meta])* $verb:ident => $phase:literal,)* }) => {
        $(#[$doc])*
        #[derive(Subcommand, Debug)]
        pub(super) enum $name {
            $($(#[$verb_doc])* $verb(StepArgs),)*
        }

        impl Verb for $name {
            const PHASES: &'static [&'static str] = &[$($phase),*];

            fn phase(&self) -> &'static str {
                match self {
                    $(Self::$verb(_) => $phase,)*
                }
            }

            fn args(self) -> StepArgs {
                match self {
                    $(Self::$verb(args) => args,)*
                }
            }
        }
    };
}

verbs!(
    /// Objects whose way through the move can be followed
    CanaryVerb {
        /// RFD 103 step 2: put canaries into vnodes that move and into one that stays
        Plant => "plant-canaries",
        /// RFD 103 step 9: follow them, and compare every router with the new ring
        Check => "verify-routing",
        /// Delete them
        Remove => "remove-canaries",
    }
);
verbs!(
    /// The new shards' zones
    PeersStep {
        /// RFD 103 step 3: make the new peers as asyncs of the source
        Provision => "provision-peers",
        /// RFD 103 step 3: wait until they follow closely
        CatchUp => "catch-up",
        /// RFD 103 step 7: make the new shards' Moray zones
        Morays => "provision-morays",
        /// RFD 103 step 7: put aliases and other metadata right
        Tidy => "tidy-metadata",
    }
);
verbs!(
    /// The shards
    ShardStep {
        /// Keep other plans from taking the new names
        Reserve => "reserve-names",
        /// No takeovers in the source from now on
        Freeze => "freeze-source",
        /// Wait until the new peers have all that the source has; writes have to be refused
        Drain => "drain",
        /// RFD 103 step 7: make the new peers shards of their own
        Establish => "split-shard",
        /// RFD 103 step 7: tell SAPI and the routers of the new shards
        List => "list-shard",
        /// Takeovers again, in the source and in the new shards
        Unfreeze => "unfreeze",
    }
);
verbs!(
    /// The lock that keeps nightly dumps from starting
    DumpLockStep {
        /// RFD 103 steps 5 and 6: take it, and wait until no dump runs
        Take => "lock-dumps",
        /// RFD 103 step 11: give it back, and list the dumps that were missed
        Release => "unlock-dumps",
    }
);
verbs!(
    /// The ring
    RingStep {
        /// Keep other plans from changing rings
        Reserve => "reserve-ring",
        /// RFD 103 step 8: fetch the ring, make the new ones, prove, pack and upload them
        Build => "build-rings",
        /// RFD 103 step 8: put them beside the live rings of all routers
        Stage => "stage-rings",
        /// RFD 103 step 4: refuse writes to the moving vnodes
        Block => "block-writes",
        /// RFD 103 step 8: have everybody read by the new ring, while nobody can write by it
        HandOver => "hand-over-reads",
        /// RFD 103 step 8: make the new ring SAPI's; from here on there is no way back
        Publish => "publish-ring",
        /// RFD 103 step 8: put the new ring in place everywhere; writes are accepted again
        Install => "install-ring",
        /// Remove what is left over of the old ring, and let others change rings
        Release => "release-ring",
    }
);
verbs!(
    /// The rows
    RowsStep {
        /// RFD 103 step 12: delete the rows that each side does not own any more, each proven to be at its owner
        Delete => "delete-ghosts",
    }
);
verbs!(
    /// Everything that has to be right before a plan is carried out
    CheckVerb {
        /// Before anything is done
        Preflight => "preflight",
        /// Before writes are refused
        Recheck => "recheck",
    }
);

/// Runs the verb's phase.
pub(super) async fn run(verb: impl Verb, out: &mut Output) -> Result<u8> {
    let name = verb.phase();
    let on = verb.args().on;
    let store = on.file.open()?;
    let list = store.plan().await?.sequence()?;
    let Some(phase) = list.get(name) else {
        return Err(Unknown::new("phase", name, list.names()).into());
    };
    if on.dry_run {
        return preview(&*store.plan().await?, phase, on.output, out).map(|()| exit::SUCCESS);
    }
    let records = store.phases().await?;
    if records.get(name).is_some_and(|record| record.state == PhaseState::Done) {
        say(format_args!("{name} is done already; it is not done again."));
    } else {
        on.confirm.ask(&question(phase))?;
    }
    on.execute(store, Work::Step(name), true, out).await
}

/// Prints what a phase is going to do.
fn preview(plan: &Plan, phase: &Step, format: Format, out: &mut Output) -> Result<()> {
    let (name, about) = (phase.name(), phase.about());
    let actions: Vec<&str> = plan
        .actions
        .iter()
        .filter(|action| action.phase == name)
        .map(|action| action.what.as_str())
        .collect();
    if format.is_json() {
        return Ok(out.json(&json!({ "phase": name, "actions": actions, "about": about }))?);
    }
    for action in actions {
        writeln!(out, "{action}")?;
    }
    writeln!(out, "reads: {}\nwrites: {}\nundo: {}", about.reads, about.writes, about.undo)?;
    Ok(())
}

fn question(phase: &Step) -> String {
    let about = phase.about();
    format!("{}; changes: {}; undo: {}. Go on?", about.title, about.writes, about.undo)
}

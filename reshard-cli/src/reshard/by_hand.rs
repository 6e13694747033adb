//! The runbook's steps, one verb each: for those who go by hand, phase by phase.

use clap::{Args, Subcommand};
use reshard_core::{Ended, Executor, Phase, Store, phases};
use std::sync::Arc;

use super::confirm::Confirm;
use super::error::Result;
use super::place::{PlanFile, Region};
use super::watch::Watch;
use crate::exit;
use crate::output::say;

/// One phase of a plan by hand
///
/// Phases go in their order, and `reshard resume` takes over at any time.
#[derive(Args, Debug)]
pub(super) struct StepArgs {
    #[command(flatten)]
    file: PlanFile,
    #[command(flatten)]
    region: Region,
    #[command(flatten)]
    confirm: Confirm,
    /// Only print what would be read and changed
    #[arg(long)]
    dry_run: bool,
}

/// What a verb does of a plan: the phase's name.
pub(super) trait Verb {
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
    PeersVerb {
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
    ShardVerb {
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
    DumpLockVerb {
        /// RFD 103 steps 5 and 6: take it, and wait until no dump runs
        Take => "lock-dumps",
        /// RFD 103 step 11: give it back, and list the dumps that were missed
        Release => "unlock-dumps",
    }
);
verbs!(
    /// The ring
    RingVerb {
        /// Keep other plans from changing rings
        Reserve => "reserve-ring",
        /// RFD 103 step 8: fetch the ring, make the new ones, prove, pack and upload them
        Build => "build-rings",
        /// RFD 103 step 8: put them beside the live rings of all routers
        Stage => "stage-rings",
        /// RFD 103 step 4: refuse writes to the moving vnodes
        Block => "block-writes",
        /// RFD 103 step 8: make the new ring SAPI's; from here on there is no way back
        Publish => "publish-ring",
        /// RFD 103 step 8: put the new ring in place everywhere; writes flow again
        Install => "install-ring",
        /// Remove what is left over of the old ring, and let others change rings
        Release => "release-ring",
    }
);
verbs!(
    /// The rows
    RowsVerb {
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
pub(super) async fn run(verb: impl Verb) -> Result<u8> {
    let name = verb.phase();
    let args = verb.args();
    let store = args.file.open()?;
    let list = phases::rfd103();
    let Some(phase) = list.iter().find(|phase| phase.name() == name).cloned() else {
        return Err(super::error::Error::NoPhase { name: name.to_owned() });
    };
    if args.dry_run {
        for action in store.plan()?.actions.iter().filter(|action| action.phase == name) {
            say(&action.what);
        }
        let about = phase.about();
        say(format_args!("reads: {}\nwrites: {}\nundo: {}", about.reads, about.writes, about.undo));
        return Ok(exit::SUCCESS);
    }
    args.confirm.ask(&question(&*phase))?;
    let deployment = args.region.connect().await?;
    let watch = Arc::new(Watch::new(true));
    let executor = Executor::new(store, deployment, list).observed_by(watch.clone());
    let ended = executor.step(name).await;
    watch.finish();
    Ok(match ended? {
        Ended::Done => {
            say("The plan is done.");
            exit::SUCCESS
        }
        Ended::Paused { phase } => {
            say(format_args!("Next: {phase}."));
            exit::SUCCESS
        }
        Ended::Held { phase, what, remedy } => {
            say(format_args!("HELD in {phase}: {what}\nTo do: {remedy}"));
            exit::HELD
        }
        Ended::Aborted => exit::ABORTED,
    })
}

fn question(phase: &dyn Phase) -> String {
    let about = phase.about();
    format!("{}; changes: {}; undo: {}", about.title, about.writes, about.undo)
}

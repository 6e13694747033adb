//! Makes the paths that the Morays of the new names follow. They lead to the source at first.
//!
//! * reads: the source's state
//! * writes: `/manta_reshard/switch/NEW` in ZooKeeper
//! * done when: each leads to the source's primary
//! * undo: they are removed
//! * pause: before it begins

use async_trait::async_trait;

use super::moves::switch;
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Undone};
use crate::phases::source::frozen_source;

/// Makes the paths that the Morays of the new names follow.
#[derive(Clone, Copy, Debug)]
pub struct OpenSwitches;

#[async_trait]
impl Phase for OpenSwitches {
    fn name(&self) -> &'static str {
        "open-switches"
    }

    fn about(&self) -> About {
        About {
            title: "make the paths that the Morays of the new names follow",
            rfd103: "",
            reads: "the source's state",
            writes: "/manta_reshard/switch/NEW in ZooKeeper",
            done_when: "each leads to the source's primary",
            undo: "removes them",
            pause: "before it begins",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        let state = frozen_source(context).await?;
        for target in context.plan().targets() {
            let switch = switch(context, &target.name);
            let leading = async {
                let led = switch.lead_to(&state).await;
                led.or_phase_error(format!("{} cannot be written", switch.path()))
            };
            let what = format!("have {} lead to {}", switch.path(), context.plan().source());
            context.act(what, leading).await?;
        }
        Ok(())
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        remove_switches(context).await?;
        Ok(Undone::Completely)
    }
}

/// Removes the paths. Nobody may follow them any more.
pub(super) async fn remove_switches(context: &Context) -> Result<(), PhaseError> {
    for target in context.plan().targets() {
        let switch = switch(context, &target.name);
        let removing = async {
            let removed = switch.remove().await;
            removed.or_phase_error(format!("{} cannot be removed", switch.path()))
        };
        context.act(format!("remove {}", switch.path()), removing).await?;
    }
    Ok(())
}

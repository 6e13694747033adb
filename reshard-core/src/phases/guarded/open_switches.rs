//! Makes the paths that the Morays of the new names follow. They lead to the source at first.
//!
//! * reads: the source's state
//! * writes: `/manta_reshard/switch/NEW` in ZooKeeper
//! * done when: each leads to the source's primary
//! * undo: they are removed
//! * pause: before it begins

use std::convert::Infallible;
use std::time::Duration;

use async_trait::async_trait;
use manatee_client::{ClusterState, ShardName, SwitchStanding};

use super::leg::Leg;
use super::moves::{moves, say_once, switch};
use crate::guard::MoveState;
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Undone};
use crate::phases::source::{shard, source_state};

/// The time between two looks at the source's state.
const LOOK: Duration = Duration::from_millis(250);

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
        let state = source_state(context).await?;
        for target in context.plan().targets() {
            lead_to(context, &target.name, &state).await?;
        }
        Ok(())
    }

    fn kept_up_until(&self) -> Option<&'static str> {
        Some("cut-over")
    }

    /// The source is not frozen meanwhile: where another peer takes over there, the paths lead to it.
    async fn keep_up(&self, context: &Context) -> Infallible {
        keep_leading(context, Behind::Source).await
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        remove_switches(context).await?;
        Ok(Undone::Completely)
    }
}

/// The cluster behind the new names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// The source's.
    Source,
    /// That of each new shard itself.
    NewShards,
}

/// Has the paths lead to whoever is the primary there, again and again. What fails is said, and tried again.
pub(super) async fn keep_leading(context: &Context, behind: Behind) -> Infallible {
    let mut said = String::new();
    loop {
        if let Err(trouble) = follow_all(context, behind).await {
            say_once(context, &trouble, &mut said).await;
        }
        context.sleep(LOOK).await;
    }
}

async fn follow_all(context: &Context, behind: Behind) -> Result<(), PhaseError> {
    match behind {
        Behind::Source => {
            let state = source_state(context).await?;
            for target in context.plan().targets() {
                if !is_well_led(context, &target.name, &state).await? {
                    lead_to(context, &target.name, &state).await?;
                }
            }
        }
        Behind::NewShards => {
            for one in moves(context.plan()) {
                let name = &one.target.name;
                let state = shard(context, name).read_existing().await;
                let state =
                    state.or_phase_error(format!("the state of {name} cannot be read"))?.state;
                // Whoever brings the vnodes back to the source leads the path there.
                if !is_well_led(context, name, &state).await?
                    && Leg::forth(context, one).state_at_target(context).await?
                        == Some(MoveState::Open)
                {
                    lead_to(context, name, &state).await?;
                }
            }
        }
    }
    Ok(())
}

/// Tells whether the path of a name leads to the primary of a cluster, or is shut: that is a cutover's, which opens it again, and else it
/// opens by itself.
async fn is_well_led(
    context: &Context,
    name: &ShardName,
    state: &ClusterState,
) -> Result<bool, PhaseError> {
    let switch = switch(context, name);
    let found = switch.look().await;
    let found = found.or_phase_error(format!("{} cannot be read", switch.path()))?;
    Ok(match found {
        SwitchStanding::Leads(primary) => primary.id == state.primary.id,
        SwitchStanding::Shut { .. } => true,
        SwitchStanding::Fallback(_) | SwitchStanding::Absent => false,
    })
}

/// Has the path of a name lead to a cluster.
pub(super) async fn lead_to(
    context: &Context,
    name: &ShardName,
    state: &ClusterState,
) -> Result<(), PhaseError> {
    let switch = switch(context, name);
    let leading = async {
        let led = switch.lead_to(state).await;
        led.or_phase_error(format!("{} cannot be written", switch.path()))
    };
    let to = &state.primary.ip;
    context.act(format!("have {} lead to {to}", switch.path()), leading).await
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

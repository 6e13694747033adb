//! Makes the new peers, in the source's shard at first: asyncs at the end of its chain.
//!
//! * reads: the source's state and instances; SAPI, VMAPI
//! * writes: instances and zones with the plan's tag
//! * done when: all zones run and their peers are the end of the source's chain
//! * undo: the zones are destroyed; the chain is as before when their sessions have ended; a state of a new shard that the plan
//!   wrote is removed
//! * pause: while waiting for a zone

use std::time::Duration;

use async_trait::async_trait;
use manatee_client::{Removed, ShardError};
use sapi_client::InstanceUuid;

use super::new_zones::{Kind, bring_up, take_down, wanted};
use super::source::{shard, source, source_state};
use super::unneeded::zones_unneeded;
use crate::hint::{Operation, hint};
use crate::peers::{ChainError, tail_of};
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Poll, Undone, Wait};
use crate::plan::Target;

/// The longest that a sitter may take to join.
const JOIN: Duration = Duration::from_mins(15);
/// The longest that sessions of destroyed peers may last: a minute in production.
const LEAVE: Duration = Duration::from_mins(10);

/// Makes the new peers.
#[derive(Clone, Copy, Debug)]
pub struct ProvisionPeers;

#[async_trait]
impl Phase for ProvisionPeers {
    fn name(&self) -> &'static str {
        "provision-peers"
    }

    fn about(&self) -> About {
        About {
            title: "make the new peers as asyncs of the source",
            rfd103: "3",
            reads: "the source's state and instances, SAPI, VMAPI",
            writes: "instances and zones with the plan's tag; their peers join the source's chain",
            done_when: "all zones run and their peers are the end of the source's chain",
            undo: "destroys the zones; removes a new shard's state that the plan wrote",
            pause: "while waiting for a zone",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        let (plan, state) = (context.plan(), source_state(context).await?);
        if state.one_node_write_mode {
            return Err(PhaseError::hold(
                format!(
                    "the shard {} is one peer in one-node-write mode: its sitter lets no other peer replicate from it",
                    plan.source()
                ),
                hint!(
                    "give it a sync first (`manatee-adm set-onwm`, a second peer): ",
                    Operation::Abort,
                    ", and make a new plan when it has one"
                ),
            ));
        }
        let made = bring_up(context, &wanted(plan, Kind::Peer)).await?;
        let zones: Vec<InstanceUuid> = made.iter().map(|made| made.place.zone).collect();
        let waiting = Wait {
            what: "the new peers to join the end of the chain".to_owned(),
            hint: "look at `svcs -xv` and the sitter's log in the zones of those that are missing"
                .into(),
        };
        context.wait(waiting, JOIN, || joined(context, &zones)).await
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        let peers = wanted(context.plan(), Kind::Peer);
        take_down(context, &peers).await?;
        let mut zones = Vec::new();
        for peer in &peers {
            zones.extend(peer.uuids(context).await?);
        }
        let waiting = Wait {
            what: "the destroyed peers to leave the chain".to_owned(),
            hint: "wait until their sessions have ended; the source's primary has to live for that"
                .into(),
        };
        context.wait(waiting, LEAVE, || left(context, &zones)).await?;
        // The chain may have taken its time.
        zones_unneeded(context, &peers).await?;
        for target in context.plan().targets() {
            remove_shard(context, target, &zones).await?;
        }
        Ok(Undone::Completely)
    }
}

async fn joined(context: &Context, zones: &[InstanceUuid]) -> Result<Poll<()>, PhaseError> {
    match tail_of(&source_state(context).await?, zones) {
        Ok(_) => Ok(Poll::Ready(())),
        Err(error @ ChainError::Missing { .. }) => Ok(Poll::Pending(None, error.to_string())),
        Err(error) => Err(not_the_tail(&error)),
    }
}

/// The hold for new peers that are not the end of the chain.
pub(super) fn not_the_tail(error: &ChainError) -> PhaseError {
    let remedy = match error {
        ChainError::Missing { .. } => {
            hint!(
                "look at `svcs -xv` and the sitter's log in its zone; when it has joined again, ",
                Operation::Resume,
                ", or ",
                Operation::Abort,
                ", which rolls everything back"
            )
        }
        ChainError::Role { .. } | ChainError::InFront { .. } => hint!(
            "disable the sitters of the new peers until the source's state does not list them any more, and enable them \
             again: then they are its end; then ",
            Operation::Resume
        ),
    };
    PhaseError::hold(error.to_string(), remedy)
}

/// Tells whether no peer of these zones is in the source's chain or election.
async fn left(context: &Context, zones: &[InstanceUuid]) -> Result<Poll<()>, PhaseError> {
    let ours = |zone: &str| zones.iter().any(|ours| ours.to_string() == zone);
    let state = source_state(context).await?;
    let listed = state.peers().filter(|(_, peer)| ours(peer.zone_id.as_str())).count();
    let candidates = source(context).candidates().await;
    let candidates = candidates.or_phase_error("the source's election cannot be read")?;
    let announced = candidates.iter().filter(|one| ours(one.announced.zone_id.as_str())).count();
    if listed + announced == 0 {
        return Ok(Poll::Ready(()));
    }
    // Only a primary takes absent asyncs off the chain. One that is dead must not keep the freeze, which follows, from being
    // lifted: whoever takes over then takes them off.
    let primary_lives = candidates.iter().any(|one| one.id == state.primary.id);
    if announced == 0 && !primary_lives {
        context.note("the source's primary is dead: its chain lists the destroyed peers until another takes over").await?;
        return Ok(Poll::Ready(()));
    }
    Ok(Poll::Pending(None, format!("{listed} are in the chain, {announced} are announced")))
}

/// Removes what the plan wrote of a new shard, whose peers are destroyed.
async fn remove_shard(
    context: &Context,
    target: &Target,
    zones: &[InstanceUuid],
) -> Result<(), PhaseError> {
    let shard = shard(context, &target.name);
    let read = shard.read().await;
    let stored =
        read.or_phase_error(format!("the state of shard {} cannot be read", target.name))?;
    // Without a state of the plan's there is nothing of the plan's. An empty directory may be left of a crash in the middle.
    if let Some(stored) = &stored {
        let primary = &stored.state.primary.zone_id;
        if !zones.iter().any(|zone| zone.to_string() == primary.as_str()) {
            return Err(PhaseError::hold(
                format!("the shard {} is somebody else's: its primary is {primary}", target.name),
                hint!(
                    "the plan has not made it, and does not remove it: find out who has; when that is settled, ",
                    Operation::Resume,
                    " (",
                    Operation::Abort,
                    " if that was under way)"
                ),
            ));
        }
    }
    let version = stored.map(|stored| stored.version);
    let waiting = Wait {
        what: format!("the sessions of the peers of {} to end", target.name),
        hint: format!("see who is announced in /manatee/{}/election", target.name).into(),
    };
    let look = || async {
        match shard.remove(version).await {
            Ok(Removed::Now | Removed::Already) => Ok(Poll::Ready(())),
            Err(ShardError::InUse { .. }) => Ok(Poll::Pending(None, String::new())),
            Err(error) => Err(error).or_phase_error(format!(
                "what the plan wrote of {} cannot be removed",
                target.name
            )),
        }
    };
    context.wait(waiting, LEAVE, look).await
}

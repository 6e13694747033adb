//! The new peers leave the source and become the clusters of the new shards.
//!
//! The state of the new shard is written; SAPI says the new shard; sitters stop while their configurations are rendered; they
//! start in the new shard, where the state tells each its role: nobody elects anybody. All zones act at the same time.
//!
//! * reads: the source's state, the fact `split-point`; the new primaries and Moray zones
//! * writes: the new peers' metadata in SAPI, `/manatee/NEW`, services and configuration in their zones; the facts `new-shards`
//!   and `copies-end`
//! * done when: every new primary takes writes with its sync, and every new Moray answers
//! * undo: the sitters are stopped; the peers cannot go back, so `provision-peers` has to be undone too
//! * pause: not inside the write block

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use manatee_client::{ClusterState, Peer, ShardName};
use sapi_client::sapi::Sapi;
use serde::{Deserialize, Serialize};

use super::copies_end;
use super::facts::{NEW_SHARDS, SPLIT_POINT, SPLIT_STEPS};
use super::join_settled::join_settled;
use super::new_zones::{Kind, wanted};
use super::source::{frozen_tail, shard, takes_writes};
use super::unneeded::new_shards_unused;
use crate::deployment::AnyTransport;
use crate::hint::{Hint, Operation, hint};
use crate::journal::Fact;
use crate::morays::moray_answers;
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Poll, Undone, Wait};
use crate::plan::Layout;
use crate::shards::{
    MovingPeer, check_instance, establish, first_state, move_instance, move_peer, start_sitter,
    stop_sitter,
};

/// The longest that a new primary may take to accept writes.
const READY: Duration = Duration::from_mins(5);
/// The longest that Moray may take to find it.
const MORAY: Duration = Duration::from_mins(2);
/// The longest that the sitters may take to stop when the phase is undone: writes are refused meanwhile.
const GIVE_UP: Duration = Duration::from_secs(15);

/// Makes the new shards.
#[derive(Clone, Copy, Debug)]
pub struct SplitShard;

/// One new shard, decided before anything is done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct NewShard {
    name: ShardName,
    /// Its first state.
    state: ClusterState,
    /// Its peers in the order of the chain.
    peers: Vec<MovingPeer>,
}

#[async_trait]
impl Phase for SplitShard {
    fn name(&self) -> &'static str {
        "split-shard"
    }

    fn about(&self) -> About {
        About {
            title: "make new shards of the new peers",
            rfd103: "7",
            reads: "the source's state, the split point, the new primaries and Moray zones",
            writes: "the new peers' metadata in SAPI, /manatee/NEW, services and configuration in their zones",
            done_when: "every new primary takes writes with its sync, and every new Moray answers",
            undo: "stops the sitters; the peers are then recreated",
            pause: "never: it is inside the write block",
        }
    }

    fn rewinds_to(&self) -> Option<&'static str> {
        Some("provision-peers")
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        let shards = context.decided(&fact(context).await?, || decide(context)).await?;
        let mut steps = Steps::begin(context);
        // The states come first: a sitter that is restarted too early finds its role.
        join_settled(shards.iter().map(|new| write_state(context, new))).await?;
        steps.done("write states");
        join_settled(peers_of(&shards).map(|(_, peer)| tell_sapi(context, peer))).await?;
        steps.done("change SAPI");
        // The primaries start last, so that they find their syncs and asyncs announced.
        join_settled(peers_of(&shards).map(|(is_primary, peer)| {
            let (zone, to) = (peer.place.zone, &peer.to);
            context.act(format!("have {zone} leave for {to}"), async move {
                let moved = move_peer(context.deployment(), peer, !is_primary).await;
                moved.or_phase_error(format!("{zone} does not leave for {to}"))
            })
        }))
        .await?;
        steps.done("move peers, start syncs and asyncs");
        join_settled(peers_of(&shards).filter(|(is_primary, _)| *is_primary).map(|(_, peer)| {
            let to = &peer.to;
            context.act(format!("start the primary of {to}"), async move {
                let started = start_sitter(context.deployment(), peer).await;
                started.or_phase_error(format!("the primary of {to} does not start"))
            })
        }))
        .await?;
        steps.done("start primaries");
        let ready = shards.iter().map(|new| takes_writes(context, &new.name, &new.state, READY));
        join_settled(ready).await?;
        steps.done("primaries take writes");
        // Before anything can be written there.
        copies_end::remember(context).await?;
        let morays = wanted(context.plan(), Kind::Moray);
        let answered = morays.iter().map(async |one| {
            answers(context, &one.target.name, &one.made(context).await?.address).await
        });
        join_settled(answered).await?;
        steps.done("Morays answer");
        steps.tell(context).await
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        let Some(shards) = context.get(&fact(context).await?).await? else {
            return Ok(Undone::Completely);
        };
        // Writes wait for this, and a sitter that runs on does no harm: where it cannot be seen that no router leads to the new
        // shards, none is stopped.
        if let Err(trouble) = new_shards_unused(context, "no sitter is stopped").await {
            context.note(trouble.with_causes()).await?;
            return Ok(Undone::Rewind);
        }
        let stopped = join_settled(peers_of(&shards).map(async |(_, peer)| {
            let zone = peer.place.zone;
            let stopping = stop_sitter(context.deployment(), &peer.place);
            match context.clock().timeout(GIVE_UP, stopping).await {
                Some(Ok(())) => Ok(()),
                Some(Err(error)) => {
                    context.note(format!("the sitter of {zone} was not stopped: {error}")).await
                }
                None => context.note(format!("the sitter of {zone} did not stop in time")).await,
            }
        }));
        stopped.await?;
        Ok(Undone::Rewind)
    }
}

/// The fact with the new shards.
async fn fact(context: &Context) -> Result<Fact<Vec<NewShard>>, PhaseError> {
    Ok(NEW_SHARDS.of([&context.round().await?]))
}

/// The first states of the new shards, as far as the phase has written them or is about to.
pub(super) async fn written(
    context: &Context,
) -> Result<Vec<(ShardName, ClusterState)>, PhaseError> {
    let shards = context.get(&fact(context).await?).await?.unwrap_or_default();
    Ok(shards.into_iter().map(|new| (new.name, new.state)).collect())
}

/// All peers of the new shards, and whether they are primaries there.
fn peers_of(shards: &[NewShard]) -> impl Iterator<Item = (bool, &MovingPeer)> {
    shards
        .iter()
        .flat_map(|new| new.peers.iter().enumerate().map(|(place, peer)| (place == 0, peer)))
}

/// Decides on the new shards: their peers in the order that they have in the source's chain. A peer never has more of the history
/// than the one before it, so the first of them is the primary.
async fn decide(context: &Context) -> Result<Vec<NewShard>, PhaseError> {
    let plan = context.plan();
    let point = context.get(&SPLIT_POINT).await?.ok_or_else(|| {
        PhaseError::hold(
            "the journal has no split point",
            hint!(Operation::Abort, " rolls everything back"),
        )
    })?;
    let (_, tail) = frozen_tail(context).await?;
    let at: Timestamp = context.now();
    let alone = plan.request.layout == Layout::OnePeer;
    let peers = wanted(plan, Kind::Peer);
    let mut shards = Vec::new();
    for target in plan.targets() {
        let mut places = Vec::new();
        for one in peers.iter().filter(|one| one.target.name == target.name) {
            places.push(one.made(context).await?.place);
        }
        let moving = |peer: &Peer| {
            let mut places = places.iter();
            let place = places.find(|place| place.zone.to_string() == peer.zone_id.as_str())?;
            let (place, to) = (place.clone(), target.name.clone());
            Some((peer.clone(), MovingPeer { place, to, alone, plan: plan.uuid }))
        };
        let (chain, peers): (Vec<Peer>, Vec<MovingPeer>) = tail.iter().filter_map(moving).unzip();
        let first = first_state(plan.request.layout, chain, point.lsn, plan.uuid, at);
        let state = first.map_err(|error| {
            let what = format!("the peers of {} make no shard: {error}", target.name);
            PhaseError::hold(what, hint!(Operation::Abort, " rolls everything back"))
        })?;
        shards.push(NewShard { name: target.name.clone(), state, peers });
    }
    // Better now than when the first sitters have stopped.
    let source = plan.source();
    join_settled(peers_of(&shards).map(async |(_, peer)| {
        let found =
            check_instance(sapi_of(context, peer)?, peer.place.zone, source, &peer.to, alone);
        found.await.or_hold(foreign(peer), set_back())
    }))
    .await?;
    Ok(shards)
}

/// The operator's advice about metadata that somebody else has changed.
fn set_back() -> Hint {
    hint!("find out who has changed it and set it back to the old value; then ", Operation::Resume)
}

fn foreign(peer: &MovingPeer) -> String {
    format!("{} cannot be made to belong to {}", peer.place.zone, peer.to)
}

fn sapi_of<'a>(
    context: &'a Context,
    peer: &MovingPeer,
) -> Result<&'a Sapi<AnyTransport>, PhaseError> {
    let datacenter = context.deployment().datacenter(&peer.place.datacenter);
    Ok(&datacenter.or_phase_error("SAPI cannot be reached")?.sapi)
}

async fn write_state(context: &Context, new: &NewShard) -> Result<(), PhaseError> {
    let shard = shard(context, &new.name);
    context
        .act(format!("write the state of {}", new.name), async {
            establish(&shard, &new.state).await.or_hold(
                format!("the state of {} cannot be written", new.name),
                hint!("find out whose shard that is; ", Operation::Abort, " rolls everything back"),
            )
        })
        .await?;
    Ok(())
}

async fn tell_sapi(context: &Context, peer: &MovingPeer) -> Result<(), PhaseError> {
    let (sapi, zone) = (sapi_of(context, peer)?, peer.place.zone);
    let source = context.plan().source();
    context
        .act(format!("make {zone} belong to {} in SAPI", peer.to), async {
            let moved = move_instance(sapi, zone, source, &peer.to, peer.alone).await;
            moved.or_hold(foreign(peer), set_back())
        })
        .await?;
    Ok(())
}

async fn answers(context: &Context, shard: &ShardName, address: &str) -> Result<(), PhaseError> {
    let waiting = Wait {
        what: format!("Moray of {shard} at {address} to answer"),
        hint: "look at `svcs -xv` and Moray's log in its zone".into(),
    };
    context
        .wait(waiting, MORAY, || async {
            Ok(match moray_answers(context.deployment(), address).await {
                Ok(()) => Poll::Ready(()),
                Err(error) => Poll::Pending(None, error.with_causes()),
            })
        })
        .await
}

/// The time that each step took.
struct Steps<'a> {
    context: &'a Context,
    last: Duration,
    took: Vec<(String, f64)>,
}

impl<'a> Steps<'a> {
    fn begin(context: &'a Context) -> Self {
        Self { context, last: context.monotonic(), took: Vec::new() }
    }

    fn done(&mut self, step: &str) {
        let now = self.context.monotonic();
        self.took.push((step.to_owned(), now.saturating_sub(self.last).as_secs_f64()));
        self.last = now;
    }

    async fn tell(self, context: &Context) -> Result<(), PhaseError> {
        let told: Vec<String> =
            self.took.iter().map(|(step, took)| format!("{step} {took:.2} s")).collect();
        context.put(&SPLIT_STEPS, &self.took).await?;
        context.note(told.join(", ")).await
    }
}

//! The new peers leave the source and become the clusters of the new shards.
//!
//! Sitters are stopped; SAPI says the new shard; the state of the new shard is written; configurations are rendered; sitters
//! start in the new shard, where the state tells each its role: nobody elects anybody. All zones act at the same time.
//!
//! * reads: the source's state, the fact `split-point`; the new primaries and Moray zones
//! * writes: the new peers' metadata in SAPI, `/manatee/NEW`, services and configuration in their zones
//! * done when: every new primary takes writes with its sync, and every new Moray answers
//! * undo: the sitters are stopped; the peers cannot go back, so `provision-peers` has to be undone too
//! * pause: not inside the write block

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use manatee_client::{ClusterState, Peer, ShardName};
use serde::{Deserialize, Serialize};

use super::catch_up::new_peer_zones;
use super::drain::SPLIT_POINT;
use super::new_zones::{Kind, wanted};
use super::provision_peers::not_the_tail;
use super::source::{frozen_source, shard};
use super::together::together;
use crate::clock::elapsed;
use crate::deployment::ZonePlace;
use crate::executor::{Context, Seen, Waiting};
use crate::morays::moray_answers;
use crate::peers::tail_of;
use crate::phase::{About, OrTrouble, Phase, Trouble, Undone, WriteBlock};
use crate::plan::Layout;
use crate::shards::{
    SplitPoint, establish, first_state, join_shard, move_instance, primary_ready, start_sitter,
    stop_sitter,
};

/// How long a new primary may take to accept writes.
const READY: Duration = Duration::from_mins(5);
/// How long Moray may take to find it.
const MORAY: Duration = Duration::from_mins(2);
/// How long the sitters may take to stop when the phase is undone: writes are refused meanwhile.
const GIVE_UP: Duration = Duration::from_secs(15);

/// Makes the new shards.
#[derive(Clone, Copy, Debug)]
pub struct SplitShard;

/// One new shard, decided before anything is done.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct NewShard {
    name: ShardName,
    alone: bool,
    /// Its first state.
    state: ClusterState,
    /// Where its peers are, in the order of the chain.
    places: Vec<ZonePlace>,
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
            undo: "stops the sitters; the peers are then made anew",
            pause: "never: it is inside the write block",
        }
    }

    fn write_block(&self) -> WriteBlock {
        WriteBlock::Inside
    }

    async fn run(&self, context: &Context) -> Result<(), Trouble> {
        let shards: Vec<NewShard> = context.decided(&key(context)?, || decide(context)).await?;
        let mut steps = Steps::begin(context);
        let stopped = together(shards.iter().flat_map(peers_of).map(|(new, place)| {
            let what = format!("stop the sitter of {}", place.zone);
            context.act(what, async move {
                let stopped = stop_sitter(context.deployment(), place, Some(&new.name)).await;
                stopped.or_trouble(format!("the sitter of {} does not stop", place.zone))
            })
        }));
        let written = together(shards.iter().map(|new| write_state(context, new)));
        let (stopped, written) = tokio::join!(stopped, written);
        (stopped?, written?);
        steps.done("stop sitters, write states");
        together(
            shards.iter().flat_map(peers_of).map(|(new, place)| move_peer(context, new, place)),
        )
        .await?;
        steps.done("change SAPI");
        // The primaries come last, so that they find their syncs and asyncs announced.
        let primary = |new: &NewShard, place: &ZonePlace| new.places.first() == Some(place);
        together(shards.iter().flat_map(peers_of).map(|(new, place)| {
            let start = !primary(new, place);
            let what = format!("let {} join {}", place.zone, new.name);
            context.act(what, async move {
                join_shard(context.deployment(), place, &new.name, new.alone, start)
                    .await
                    .or_trouble(format!("{} does not join {}", place.zone, new.name))
            })
        }))
        .await?;
        steps.done("configure peers, start syncs and asyncs");
        let primaries = shards.iter().filter_map(|new| Some((new, new.places.first()?)));
        together(primaries.map(|(new, place)| {
            let what = format!("start the primary of {}", new.name);
            context.act(what, async move {
                start_sitter(context.deployment(), place, &new.name)
                    .await
                    .or_trouble(format!("the primary of {} does not start", new.name))
            })
        }))
        .await?;
        steps.done("start primaries");
        together(shards.iter().map(|new| takes_writes(context, new))).await?;
        steps.done("primaries take writes");
        let morays = wanted(context.plan(), Kind::Moray);
        let answered = morays
            .iter()
            .map(async |one| answers(context, &one.target.name, &one.made(context)?.address).await);
        together(answered).await?;
        steps.done("Morays answer");
        steps.tell(context)
    }

    async fn undo(&self, context: &Context) -> Result<Undone, Trouble> {
        let key = key(context)?;
        let Some(shards) = context.fact::<Vec<NewShard>>(&key)? else {
            return Ok(Undone::Completely);
        };
        // No router leads to the new shards, so a sitter that cannot be stopped does no harm; but writes wait for this.
        let stopped = together(shards.iter().flat_map(peers_of).map(async |(_, place)| {
            let stopping = stop_sitter(context.deployment(), place, None);
            match tokio::time::timeout(GIVE_UP, stopping).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => {
                    context.note(format!("the sitter of {} was not stopped: {error}", place.zone))
                }
                Err(_) => {
                    context.note(format!("the sitter of {} did not stop in time", place.zone))
                }
            }
        }));
        stopped.await?;
        Ok(Undone::BackTo("provision-peers"))
    }
}

/// The fact with the new shards.
fn key(context: &Context) -> Result<String, Trouble> {
    Ok(format!("new-shards/{}", context.round()?))
}

fn peers_of(new: &NewShard) -> impl Iterator<Item = (&NewShard, &ZonePlace)> {
    new.places.iter().map(move |place| (new, place))
}

/// What each new shard is: its peers in the order that they have in the source's chain. A peer never has more of the history
/// than the one before it, so the first of them is the primary.
async fn decide(context: &Context) -> Result<Vec<NewShard>, Trouble> {
    let plan = context.plan();
    let point: SplitPoint = context.fact(SPLIT_POINT)?.ok_or_else(|| {
        Trouble::hold("the journal has no split point", "`reshard abort` takes everything back")
    })?;
    let state = frozen_source(context).await?;
    let tail = tail_of(&state, &new_peer_zones(context)?).map_err(|error| not_the_tail(&error))?;
    let at: Timestamp = context.now();
    let alone = plan.request.layout == Layout::OnePeer;
    let peers = wanted(plan, Kind::Peer);
    let mut shards = Vec::new();
    for target in &plan.targets {
        let mut places = Vec::new();
        for one in peers.iter().filter(|one| one.target.number == target.number) {
            places.push(one.made(context)?.place);
        }
        let place_of = |peer: &Peer| {
            places.iter().find(|place| place.zone.to_string() == peer.zone_id.as_str()).cloned()
        };
        let (chain, places): (Vec<Peer>, Vec<ZonePlace>) =
            tail.iter().filter_map(|peer| Some((peer.clone(), place_of(peer)?))).unzip();
        let first = first_state(plan.request.layout, chain, point.lsn, plan.uuid, at);
        let state = first.map_err(|error| {
            let what = format!("the peers of {} make no shard: {error}", target.name);
            Trouble::hold(what, "`reshard abort` takes everything back")
        })?;
        shards.push(NewShard { name: target.name.clone(), alone, state, places });
    }
    Ok(shards)
}

async fn write_state(context: &Context, new: &NewShard) -> Result<(), Trouble> {
    let shard = shard(context, &new.name);
    context
        .act(format!("write the state of {}", new.name), async {
            establish(&shard, &new.state).await.or_hold(
                format!("the state of {} cannot be written", new.name),
                "find out whose shard that is; `reshard abort` takes everything back",
            )
        })
        .await?;
    Ok(())
}

async fn move_peer(context: &Context, new: &NewShard, place: &ZonePlace) -> Result<(), Trouble> {
    let datacenter = context.deployment().datacenter(&place.datacenter);
    let sapi = &datacenter.or_trouble("SAPI cannot be reached")?.sapi;
    let source = &context.plan().request.source;
    context
        .act(format!("make {} belong to {} in SAPI", place.zone, new.name), async {
            move_instance(sapi, place.zone, source, &new.name, new.alone).await.or_hold(
                format!("{} cannot be made to belong to {}", place.zone, new.name),
                "find out who has changed it and set it back to the old value; then `reshard resume`",
            )
        })
        .await?;
    Ok(())
}

async fn takes_writes(context: &Context, new: &NewShard) -> Result<(), Trouble> {
    let primary = &new.state.primary;
    let waiting = Waiting {
        what: format!("the primary of {} ({}) to take writes", new.name, primary.ip),
        you_can: format!("look at the sitters' logs of its peers, first at {}", primary.zone_id),
    };
    context
        .wait(waiting, READY, || async {
            Ok(match primary_ready(context.deployment(), &new.state).await {
                Ok(()) => Seen::Ready(()),
                Err(not_ready) => Seen::NotYet(None, not_ready.to_string()),
            })
        })
        .await
}

async fn answers(context: &Context, shard: &ShardName, address: &str) -> Result<(), Trouble> {
    let waiting = Waiting {
        what: format!("Moray of {shard} at {address} to answer"),
        you_can: "look at svcs -xv and Moray's log in its zone".to_owned(),
    };
    context
        .wait(waiting, MORAY, || async {
            Ok(match moray_answers(address).await {
                Ok(()) => Seen::Ready(()),
                Err(error) => Seen::NotYet(None, error.with_causes()),
            })
        })
        .await
}

/// How long each step took.
struct Steps<'a> {
    context: &'a Context,
    last: Timestamp,
    took: Vec<(&'static str, f64)>,
}

impl<'a> Steps<'a> {
    fn begin(context: &'a Context) -> Self {
        Self { context, last: context.now(), took: Vec::new() }
    }

    fn done(&mut self, step: &'static str) {
        let now = self.context.now();
        self.took.push((step, elapsed(now, self.last).as_secs_f64()));
        self.last = now;
    }

    fn tell(self, context: &Context) -> Result<(), Trouble> {
        let told: Vec<String> =
            self.took.iter().map(|(step, took)| format!("{step} {took:.2} s")).collect();
        context.remember("split-steps", &self.took)?;
        context.note(told.join(", "))
    }
}

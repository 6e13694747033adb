//! The common parts of the phases that change routers.

use std::sync::atomic::{AtomicU64, Ordering};

use sapi_client::ImageUuid;
use sapi_client::imgapi::Sha1Hex;
use sapi_client::manta::ShardList;
use serde::{Deserialize, Serialize};

use super::facts::{RINGS, ROUTER_COMMANDS, ROUTERS};
use super::reserve_ring::Base;
use super::unneeded::may_go_back;
use crate::deployment::{Deployment, MonitorError};
use crate::hint::{Hint, Operation, hint};
use crate::journal::Progress;
use crate::phase::{Context, Phase, PhaseError};
use crate::reservation::Reservation;
use crate::rings::{self, RingError};
use crate::routers::{
    self, Command, Flipped, RingSwap, Router, RouterError, StagedImage, for_each_router, get_status,
};

mod left;
mod restarts;

use self::left::{keep_left, none_left};
pub(super) use self::restarts::Restarts;

/// The ring images of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rings {
    /// The one before.
    pub(super) base: ImageUuid,
    /// The same with the moving vnodes read-only.
    pub(super) read_only: ImageUuid,
    /// The one with the moving vnodes at their new owners, and read-only there.
    pub(super) handover: ImageUuid,
    /// The one with the moving vnodes at their new owners.
    pub(super) target: ImageUuid,
    /// True if the ring before has a stamp.
    pub(super) base_is_stamped: bool,
    /// The images that are there, and the SHA-1s of their files. The guarded mode makes none but the target.
    pub(super) sha1s: Vec<(ImageUuid, Sha1Hex)>,
}

impl Rings {
    /// The rings that [`super::BuildRings`] made.
    pub(super) async fn of(context: &Context) -> Result<Self, PhaseError> {
        Self::if_built(context).await?.ok_or_else(|| {
            PhaseError::hold("no rings were built", "run the phase build-rings before this one")
        })
    }

    pub(super) async fn if_built(context: &Context) -> Result<Option<Self>, PhaseError> {
        context.get(&RINGS).await
    }

    /// The image that a ring without a stamp came from.
    fn unstamped(&self) -> Option<ImageUuid> {
        (!self.base_is_stamped).then_some(self.base)
    }

    /// Those that the plan made.
    pub(super) fn new_ones(&self) -> Vec<ImageUuid> {
        self.sha1s.iter().map(|(image, _)| *image).filter(|image| *image != self.base).collect()
    }

    pub(super) fn staged(&self, image: ImageUuid) -> Result<StagedImage, PhaseError> {
        let built = self.sha1s.iter().find(|(built, _)| *built == image);
        let (_, sha1) = built.ok_or_else(|| {
            PhaseError::hold(
                format!("the ring {image} was not built"),
                "run the phase build-rings before this one",
            )
        })?;
        Ok(StagedImage { image, sha1: sha1.clone() })
    }

    /// The next command to the routers.
    pub(super) async fn command(&self, context: &Context) -> Result<Command, PhaseError> {
        let number = context.get(&ROUTER_COMMANDS).await?.unwrap_or(0) + 1;
        context.put(&ROUTER_COMMANDS, &number).await?;
        Ok(Command { plan: context.plan().uuid, number, unstamped: self.unstamped() })
    }
}

/// Takes the ring's lock over from the executor before this one. Holds if the plan does not have it any more: then nobody
/// knows what became of the ring meanwhile.
pub(super) async fn keep_reserved(context: &Context) -> Result<(), PhaseError> {
    let (plan, now) = (context.plan().uuid, context.now());
    let kept = Reservation::Ring.keep(context.deployment(), plan, now).await;
    if kept.map_err(RingError::from)?.is_some() {
        return Ok(());
    }
    Err(PhaseError::hold(
        "the ring is not reserved for this plan any more: it was given back, and may be another one by now",
        another_copy_or_a_new_plan(),
    ))
}

/// The operator's advice where the ring is not what this copy of the plan takes it for.
pub(super) fn another_copy_or_a_new_plan() -> Hint {
    hint!(
        "if this plan has gone on with another copy of its file, use that one (",
        Operation::ListPlans,
        " tells its host); else ",
        Operation::Abort,
        ", and make a new plan from the ring as it is now"
    )
}

/// Takes the ring's lock, for a plan that can only go on: it has it still, or has just given it back.
pub(super) async fn reserve_again(context: &Context) -> Result<(), PhaseError> {
    let (plan, now) = (context.plan().uuid, context.now());
    Reservation::Ring.take(context.deployment(), plan, now).await.map_err(RingError::from)?;
    Ok(())
}

/// All routers as they are now; remembered, so that going back needs nobody's answer.
pub(super) async fn find_routers(context: &Context) -> Result<Vec<Router>, PhaseError> {
    let found = routers::list_routers(context.deployment()).await?;
    for router in &found {
        if !router.running {
            let (zone, alias) = (router.place.zone, &router.alias);
            return Err(PhaseError::hold(
                format!(
                    "the electric-moray zone {zone} ({alias}) does not run, so its rings cannot be changed"
                ),
                hint!(
                    format!(
                        "start the zone (`sdc-vmapi /vms/{zone}` shows it), or remove its instance from SAPI; then at once "
                    ),
                    Operation::Resume,
                    ": it may come back with the ring that it had, which may be the read-only one"
                ),
            ));
        }
    }
    let mut known = remembered_routers(context).await?;
    known.retain(|known| found.iter().all(|router| router.place.zone != known.place.zone));
    known.extend(found.iter().cloned());
    context.put(&ROUTERS, &known).await?;
    Ok(found)
}

/// The routers that the plan may have touched.
pub(super) async fn remembered_routers(context: &Context) -> Result<Vec<Router>, PhaseError> {
    Ok(context.get(&ROUTERS).await?.unwrap_or_default())
}

/// Does something in every router's zone, as many at a time as the operator wants, and shows how far it is.
pub(super) async fn in_each<T, F>(
    context: &Context,
    what: &str,
    routers: &[Router],
    work: impl Fn(Router) -> F,
) -> Result<Vec<T>, PhaseError>
where
    F: Future<Output = Result<T, RouterError>>,
{
    let concurrency = context.tuning().await?.router_concurrency;
    let total = routers.len() as u64;
    let mut ended = 0;
    let show = || {
        ended += 1;
        let progress = Progress { done: ended, total, unit: "routers".to_owned() };
        async move {
            // A journal that cannot be written is noticed with the next change.
            context.progress(what, progress).await.ok();
        }
    };
    Ok(for_each_router(routers.to_vec(), concurrency, show, work).await?)
}

/// Puts the next ring in place in all instances of all zones. `what` says so in the journal. Returns what became of every
/// instance.
pub(super) async fn put_in_place(
    context: &Context,
    what: &str,
    rings: &Rings,
    flip: &RingSwap,
) -> Result<Vec<(Router, Vec<Flipped>)>, PhaseError> {
    let routers = find_routers(context).await?;
    let flipped = context.act(what, flip_all(context, what, &routers, rings, flip)).await?;
    none_left(context).await?;
    Ok(flipped)
}

/// Puts a ring in place in all instances of these zones, and confirms each by what it tells of itself. A zone that lacks
/// the ring, as one that was reprovisioned does, gets it first.
///
/// Returns what became of every instance.
async fn flip_all(
    context: &Context,
    what: &str,
    routers: &[Router],
    rings: &Rings,
    flip: &RingSwap,
) -> Result<Vec<(Router, Vec<Flipped>)>, PhaseError> {
    let began = context.monotonic();
    let (before, restarted) = (Restarts::so_far(context).await?, AtomicU64::new(0));
    let deployment = context.deployment();
    let flipping = Flipping {
        deployment,
        commands: [
            rings.command(context).await?,
            rings.command(context).await?,
            rings.command(context).await?,
        ],
        staged: rings.staged(flip.to)?,
        flip,
        restarted: &restarted,
    };
    let flipping = &flipping;
    let work = |router: Router| async move {
        let flipped = flipping.flip(&router).await?;
        Ok((router, flipped))
    };
    let flipped = in_each(context, what, routers, work).await;
    let restarts = before.and(restarted.load(Ordering::Relaxed));
    if flipped.is_err() {
        restarts.keep(context).await;
    }
    let flipped = flipped?;
    let summary = restarts.end(context, routers.len(), context.since(began)).await?;
    context.note(format!("{what}: {summary}")).await?;
    Ok(flipped)
}

struct Flipping<'a> {
    deployment: &'a Deployment,
    /// To flip, to stage where that fails for lack of the ring, and to flip then.
    commands: [Command; 3],
    staged: StagedImage,
    flip: &'a RingSwap,
    /// The number of processes that were restarted.
    restarted: &'a AtomicU64,
}

impl Flipping<'_> {
    async fn flip(&self, router: &Router) -> Result<Vec<Flipped>, RouterError> {
        let [first, stage, again] = &self.commands;
        let flipped = match routers::flip(self.deployment, router, first, self.flip).await {
            Err(RouterError::NotStaged { zone }) => {
                let imgapi = rings::ring_imgapi(self.deployment).await;
                let imgapi = imgapi.map_err(|_| RouterError::NotStaged { zone })?;
                let imgapi = imgapi.client().base().to_string();
                tracing::warn!(%zone, image = %self.staged.image, "the ring is not there and is fetched");
                let images = [self.staged.clone()];
                routers::stage(self.deployment, router, stage, &imgapi, &images).await?;
                routers::flip(self.deployment, router, again, self.flip).await?
            }
            other => other?,
        };
        let restarted = flipped.iter().filter(|one| one.has_restarted()).count();
        self.restarted.fetch_add(restarted.try_into().unwrap_or(0), Ordering::Relaxed);
        for one in &flipped {
            self.confirm(router, one).await?;
        }
        Ok(flipped)
    }

    /// Asks the process itself, from here.
    async fn confirm(&self, router: &Router, flipped: &Flipped) -> Result<(), RouterError> {
        let Some((pid, start_time)) = &flipped.process else { return Ok(()) };
        let status = get_status(self.deployment, router, flipped.status_port).await?;
        let odd = |problem: String| {
            let url = format!("http://{}:{}/status", router.ip, flipped.status_port);
            Err(RouterError::from(MonitorError::Unexpected { url, problem }))
        };
        if status.pid != *pid || status.start_time != *start_time {
            return odd(format!(
                "is the process {} since {} and not {pid} since {start_time}: it was restarted meanwhile",
                status.pid, status.start_time
            ));
        }
        let routed = |host: &String| {
            status.index_shards.iter().any(|shard| shard.host == *host && !shard.read_only)
        };
        match self.flip.shards.iter().find(|host| !routed(host)) {
            Some(host) => odd(format!("does not route writes to {host}")),
            None => Ok(()),
        }
    }
}

/// Puts a ring back everywhere in place of those that the plan put there after it, also in instances that do not run, unless
/// the new one is in use. Returns the zones in which it was done: all that run.
pub(super) async fn put_back(
    context: &Context,
    rings: &Rings,
    want: ImageUuid,
) -> Result<Vec<Router>, PhaseError> {
    may_go_back(context, rings).await?;
    let mut from = vec![rings.read_only, rings.handover, rings.target];
    from.retain(|image| *image != want);
    let is_original = want == rings.base;
    // By the original ring nobody needs the new shards, and SAPI lists them no more.
    let absent_shards = if is_original { newly_listed(context).await? } else { Vec::new() };
    let flip = RingSwap {
        to: want,
        from,
        restore_to: want,
        is_rollback: true,
        shards: Vec::new(),
        absent_shards,
    };
    let which = if is_original { "original" } else { "read-only" };
    let what = &format!("put the {which} ring {want} back");
    let flip = &flip;
    let done = where_running(context, "its rings are left as they are", |routers| async move {
        flip_all(context, what, &routers, rings, flip).await.map(drop)
    })
    .await?;
    keep_left(context, &remembered_routers(context).await?, &done).await?;
    Ok(done)
}

/// Does something for all routers that the plan may have touched, but those whose zones do not run, or are gone: they take no
/// writes. Returns the others.
pub(super) async fn where_running<F>(
    context: &Context,
    elsewhere: &str,
    work: impl Fn(Vec<Router>) -> F,
) -> Result<Vec<Router>, PhaseError>
where
    F: Future<Output = Result<(), PhaseError>>,
{
    let mut routers = remembered_routers(context).await?;
    loop {
        let Err(failed) = work(routers.clone()).await else { return Ok(routers) };
        let mut down = Vec::new();
        for router in &routers {
            if routers::is_running(context.deployment(), router).await? != Some(true) {
                context
                    .note(format!(
                        "the zone {} ({}) does not run: it takes no writes, and {elsewhere}",
                        router.place.zone, router.alias
                    ))
                    .await?;
                down.push(router.place.zone);
            }
        }
        if down.is_empty() {
            return Err(failed);
        }
        routers.retain(|router| !down.contains(&router.place.zone));
    }
}

/// The new shards that SAPI did not list before the plan.
pub(super) async fn newly_listed(context: &Context) -> Result<Vec<String>, PhaseError> {
    let before =
        ShardList::parse(&Base::of(context).await?.index_shards).map_err(RingError::from)?;
    let mut shards = context.plan().target_names();
    shards.retain(|host| before.get(host).is_none());
    Ok(shards)
}

/// The answer of a phase that cannot be undone.
pub(super) fn too_late(phase: &dyn Phase) -> PhaseError {
    PhaseError::hold(
        format!("{} cannot be rolled back: the new ring is or was in use", phase.name()),
        hint!(
            Operation::Resume,
            " brings the plan to its end; to undo the move, plan one in the other direction afterwards"
        ),
    )
}

#[cfg(test)]
mod tests;

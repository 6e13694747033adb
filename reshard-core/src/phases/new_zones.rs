//! The zones that a plan makes, as its phases speak of them: which, under which UUIDs, made and destroyed through lost answers.

use std::time::Duration;

use sapi_client::{InstanceUuid, JobUuid};

use super::facts::{ATTEMPTS, FAILED, ZONE};
use super::join_settled::join_settled;
use super::unneeded::zones_unneeded;
use crate::deployment::ZonePlace;
use crate::hint::{Operation, hint};
use crate::journal::Fact;
use crate::morays::moray_metadata;
use crate::phase::{Context, PhaseError, PhaseResultExt, Poll, Wait};
use crate::plan::{NewZone, Target, ValidPlan};
use crate::shards::alias;
use crate::shards::peer_metadata;
use crate::zones::{self, MadeZone, ZoneOrder, ZoneStatus};

/// The longest that a request that was cut off may still be at work.
const GRACE: Duration = Duration::from_secs(20);
/// The longest that a zone may take to boot for the first time.
const BOOT: Duration = Duration::from_mins(30);

/// The purpose of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A peer: in the source's chain until it leaves for the new shard.
    Peer,
    /// A Moray zone of the new shard.
    Moray,
}

/// A zone that the plan makes.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) kind: Kind,
    pub(super) target: &'a Target,
    pub(super) zone: &'a NewZone,
}

/// All zones of a kind, the first target's first.
pub(super) fn wanted(plan: &ValidPlan, kind: Kind) -> Vec<Wanted<'_>> {
    plan.targets()
        .iter()
        .flat_map(|target| {
            let all = match kind {
                Kind::Peer => &target.peers,
                Kind::Moray => &target.morays,
            };
            all.iter().map(move |zone| Wanted { kind, target, zone })
        })
        .collect()
}

impl Wanted<'_> {
    fn attempts(&self, round: u32) -> Fact<u32> {
        ATTEMPTS.of([&self.zone.role, &round])
    }

    fn record(&self, round: u32) -> Fact<MadeZone> {
        ZONE.of([&self.zone.role, &round])
    }

    /// The UUID of the n-th attempt to make it: a UUID whose zone failed cannot be used again.
    async fn uuid(&self, context: &Context, attempt: u32) -> Result<InstanceUuid, PhaseError> {
        let role = match attempt {
            0 => self.zone.role.clone(),
            attempt => format!("{}/{attempt}", self.zone.role),
        };
        Ok(context.plan().instance_uuid(&role, context.round().await?))
    }

    async fn attempt(&self, context: &Context) -> Result<u32, PhaseError> {
        Ok(context.get(&self.attempts(context.round().await?)).await?.unwrap_or(0))
    }

    /// All UUIDs that it was tried to be made under.
    pub(super) async fn uuids(&self, context: &Context) -> Result<Vec<InstanceUuid>, PhaseError> {
        let mut uuids = Vec::new();
        for attempt in 0..=self.attempt(context).await? {
            uuids.push(self.uuid(context, attempt).await?);
        }
        Ok(uuids)
    }

    /// The zone, once it was made.
    pub(super) async fn made(&self, context: &Context) -> Result<MadeZone, PhaseError> {
        context.get(&self.record(context.round().await?)).await?.ok_or_else(|| {
            PhaseError::hold(
                format!("the journal does not know the zone {} of the plan", self.zone.role),
                hint!(Operation::Abort, " rolls everything back"),
            )
        })
    }

    async fn order(&self, context: &Context, uuid: InstanceUuid) -> Result<ZoneOrder, PhaseError> {
        let plan = context.plan();
        let (deployment, source) = (context.deployment(), plan.source());
        let (services, datacenter) = (plan.inventory.services, &self.zone.datacenter);
        let (service, role, shard, metadata) = match self.kind {
            Kind::Peer => {
                let metadata = peer_metadata(deployment, services.postgres, source, datacenter);
                (services.postgres, "postgres", source, metadata.await)
            }
            Kind::Moray => {
                let target = &self.target.name;
                let metadata =
                    moray_metadata(deployment, services.moray, source, target, datacenter);
                (services.moray, "moray", target, metadata.await)
            }
        };
        let metadata = metadata.or_hold(
            format!("no metadata for the new zone {} can be made up", self.zone.role),
            hint!("put the metadata of the source's zones in SAPI right; then ", Operation::Resume),
        )?;
        Ok(ZoneOrder {
            uuid,
            service,
            role,
            alias: alias(role, shard, uuid),
            datacenter: datacenter.clone(),
            server: self.zone.server,
            image: self.zone.image,
            metadata,
            plan: plan.uuid,
        })
    }
}

/// Makes zones, all at the same time, and waits until they run.
pub(super) async fn bring_up(
    context: &Context,
    wanted: &[Wanted<'_>],
) -> Result<Vec<MadeZone>, PhaseError> {
    join_settled(wanted.iter().map(|one| bring_up_one(context, *one))).await
}

async fn bring_up_one(context: &Context, wanted: Wanted<'_>) -> Result<MadeZone, PhaseError> {
    let round = context.round().await?;
    let mut attempt = wanted.attempt(context).await?;
    let mut uuid = wanted.uuid(context, attempt).await?;
    let mut order = wanted.order(context, uuid).await?;
    let mut sight = settled(context, &order).await?;
    if sight == ZoneStatus::Failed {
        // The operator was told, and wants to go on: another zone in its place.
        if !context.get(&FAILED.of([&uuid])).await?.unwrap_or(false) {
            return Err(spent(context, &order, None).await?);
        }
        zones_unneeded(context, &[wanted]).await?;
        destroy(context, &order).await?;
        attempt += 1;
        context.put(&wanted.attempts(round), &attempt).await?;
        uuid = wanted.uuid(context, attempt).await?;
        order = wanted.order(context, uuid).await?;
        sight = settled(context, &order).await?;
    }
    let mut job = None;
    if matches!(sight, ZoneStatus::Absent | ZoneStatus::InstanceOnly | ZoneStatus::ZoneOnly) {
        let what = format!("make the zone {uuid} ({}) on {}", order.alias, order.server);
        job = context
            .act(what, async {
                let asked = zones::order(context.deployment(), &order).await;
                let asked = asked.or_phase_error(&order.alias);
                match asked {
                    // An earlier request was still at work, and has made it meanwhile: this one was one too many.
                    Err(PhaseError::Hold { what, remedy, source })
                        if look(context, &order).await? != ZoneStatus::Absent =>
                    {
                        Err(PhaseError::Transient { what, remedy: Some(remedy), source })
                    }
                    asked => asked,
                }
            })
            .await?;
    }
    let address = running(context, &order, job).await?;
    let place =
        ZonePlace { zone: uuid, server: order.server, datacenter: order.datacenter.clone() };
    let made = MadeZone { place, address };
    context.put(&wanted.record(round), &made).await?;
    Ok(made)
}

async fn look(context: &Context, order: &ZoneOrder) -> Result<ZoneStatus, PhaseError> {
    zones::look(context.deployment(), &order.datacenter, order.uuid)
        .await
        .or_phase_error(&order.alias)
}

/// Looks at what there is of a zone, after a request that was cut off has had the time to be done.
async fn settled(context: &Context, order: &ZoneOrder) -> Result<ZoneStatus, PhaseError> {
    let began = context.monotonic();
    let waiting = Wait {
        what: format!("an earlier request for the zone {} to be done", order.alias),
        hint: "look at the instance in SAPI and the zone in VMAPI".into(),
    };
    let look = || async {
        let sight = look(context, order).await?;
        let half = matches!(sight, ZoneStatus::InstanceOnly | ZoneStatus::ZoneOnly);
        if half && context.since(began) < GRACE {
            return Ok(Poll::Pending(None, String::new()));
        }
        Ok(Poll::Ready(sight))
    };
    context.wait(waiting, GRACE * 4, look).await
}

/// Waits until the zone runs. Its address.
async fn running(
    context: &Context,
    order: &ZoneOrder,
    job: Option<JobUuid>,
) -> Result<String, PhaseError> {
    let waiting = Wait {
        what: format!("the zone {} ({}) to run", order.alias, order.uuid),
        hint: format!("look at it: `vmadm list` on the server {}, VMAPI's jobs", order.server)
            .into(),
    };
    let look = || async {
        Ok(match look(context, order).await? {
            ZoneStatus::Running(address) => Poll::Ready(Ok(address)),
            ZoneStatus::Failed => Poll::Ready(Err(ZoneStatus::Failed)),
            ZoneStatus::Absent => Poll::Ready(Err(ZoneStatus::Absent)),
            ZoneStatus::InstanceOnly => {
                Poll::Pending(None, "VMAPI does not know it yet".to_owned())
            }
            ZoneStatus::ZoneOnly => Poll::Pending(None, "SAPI does not know it yet".to_owned()),
            ZoneStatus::BeingMade => Poll::Pending(None, "it is being made".to_owned()),
            ZoneStatus::Stopped(how) => Poll::Pending(None, format!("it is {how}")),
        })
    };
    match context.wait(waiting, BOOT, look).await? {
        Ok(address) => Ok(address),
        Err(ZoneStatus::Absent) => Err(PhaseError::transient(format!(
            "the zone {} is gone: SAPI has rolled it back",
            order.alias
        ))),
        Err(_) => Err(spent(context, order, job).await?),
    }
}

/// The hold for a zone that could not be made.
async fn spent(
    context: &Context,
    order: &ZoneOrder,
    job: Option<JobUuid>,
) -> Result<PhaseError, PhaseError> {
    let mut why = String::new();
    if let (Some(job), Ok(datacenter)) = (job, context.deployment().datacenter(&order.datacenter))
        && let Ok(job) = datacenter.vmapi.get_job(job).await
        && let Some(Err(error)) = job.outcome()
    {
        why = format!(": {error}");
    }
    context.put(&FAILED.of([&order.uuid]), &true).await?;
    Ok(PhaseError::hold(
        format!(
            "the zone {} ({}) on the server {} could not be made, or was destroyed by somebody{why}",
            order.alias, order.uuid, order.server
        ),
        hint!(
            "fix what made it fail (VMAPI's job tells); then ",
            Operation::Resume,
            " makes another in its place"
        ),
    ))
}

async fn destroy(context: &Context, order: &ZoneOrder) -> Result<(), PhaseError> {
    let what = format!("destroy the zone {} ({})", order.uuid, order.alias);
    context
        .act(what, async {
            zones::destroy(context.deployment(), order).await.or_phase_error(&order.alias)
        })
        .await?;
    Ok(())
}

/// Destroys whatever was made of these zones, all at the same time, unless something still needs one of them.
pub(super) async fn take_down(context: &Context, wanted: &[Wanted<'_>]) -> Result<(), PhaseError> {
    zones_unneeded(context, wanted).await?;
    join_settled(wanted.iter().map(|one| take_down_one(context, *one))).await?;
    Ok(())
}

async fn take_down_one(context: &Context, wanted: Wanted<'_>) -> Result<(), PhaseError> {
    let round = context.round().await?;
    for uuid in wanted.uuids(context).await? {
        let there = zones::look(context.deployment(), &wanted.zone.datacenter, uuid).await;
        let there = there.or_phase_error(&wanted.zone.role)?;
        if there != ZoneStatus::Absent {
            let order = wanted.order(context, uuid).await?;
            // A request that was cut off may still make what is not there yet.
            settled(context, &order).await?;
            destroy(context, &order).await?;
        }
    }
    context.forget(&wanted.record(round)).await?;
    Ok(())
}

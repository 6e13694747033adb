//! Lets dumps begin again, and lists those that were missed.
//!
//! * reads: cron's times in the source's zones
//! * writes: the plan is no holder of `/pg_dump_lock` any more
//! * done when: the plan's hold is released
//! * undo: nothing: dumps may begin whatever else is rolled back
//! * pause: before

use async_trait::async_trait;
use manatee_client::Shard;

use super::facts::{DUMP_LOCK_SINCE, MISSED_DUMPS};
use super::lock_dumps::release;
use crate::deployment::ZonePlace;
use crate::dumps::{Schedule, find_schedules, missed_dumps};
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Undone, Withheld};

/// Lets dumps begin again.
#[derive(Clone, Copy, Debug)]
pub struct UnlockDumps;

#[async_trait]
impl Phase for UnlockDumps {
    fn name(&self) -> &'static str {
        "unlock-dumps"
    }

    fn about(&self) -> About {
        About {
            title: "let dumps begin again and list those that were missed",
            rfd103: "11",
            reads: "cron's times in the source's zones",
            writes: "/pg_dump_lock without the plan",
            done_when: "the plan's hold is released",
            undo: "nothing",
            pause: "before",
        }
    }

    fn gives_back(&self) -> &'static [Withheld] {
        &[Withheld::Dumps]
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        release(context).await?;
        let Some(since) = context.get(&DUMP_LOCK_SINCE).await? else { return Ok(()) };
        let schedules = schedules(context).await?;
        let shards = Shard::list(context.deployment().session()).await;
        let shards = shards.or_phase_error("the shards cannot be listed")?;
        let missed = missed_dumps(&shards, &schedules, since, context.now());
        context.put(&MISSED_DUMPS, &missed).await?;
        if missed.is_empty() {
            return context.note("no dump was missed").await;
        }
        for dump in &missed {
            context.note(format!("the dump of {} at {} was missed", dump.shard, dump.at)).await?;
        }
        Ok(())
    }

    async fn undo(&self, _context: &Context) -> Result<Undone, PhaseError> {
        Ok(Undone::Completely)
    }
}

/// The times at which dumps begin: as a zone of the source tells, or every night, as Manta's images have it.
async fn schedules(context: &Context) -> Result<Vec<Schedule>, PhaseError> {
    let peers = &context.plan().source_facts().peers;
    let places: Vec<ZonePlace> = peers.iter().map(|peer| peer.zone.place.clone()).collect();
    let found = find_schedules(context.deployment(), &places).await;
    for (zone, why) in &found.silent {
        context.note(format!("the zone {zone} does not tell its times of dumps: {why}")).await?;
    }
    if found.assumed {
        let nightly = Schedule::nightly();
        context
            .note(format!("no zone tells when it dumps: taken to be {nightly}, Manta's own"))
            .await?;
    }
    Ok(found.schedules)
}

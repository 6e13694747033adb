//! The dumps of a shard at a glance: whether one may begin, whether one runs, when the next is due, and what was missed.

use jiff::{Timestamp, ToSpan};
use manatee_client::{DumpLock, DumpLockError, DumpLockHolder, DumpLockState, ShardName};
use sapi_client::manta;
use serde::Serialize;

use super::missed::{MissedDump, missed_dumps};
use super::running::{Running, find_schedules, running_by_peer};
use super::schedule::Schedule;
use crate::causes::Chain;
use crate::deployment::{Deployment, ZonePlace};
use crate::inventory::{InventoryError, shard_state, zone_facts, zones_of};

/// The time ahead in which the next dump is looked for, in hours.
const HORIZON_HOURS: i64 = 24 * 366;

/// The lock on dumps as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum LockSeen {
    /// Dumps may begin.
    Free,
    /// Held by these.
    Held {
        /// The holders, such as plans, and since when.
        holders: Vec<DumpLockHolder>,
    },
    /// Made by hand: no dump begins, and nobody tells since when.
    Foreign {
        /// Its text.
        content: String,
    },
}

impl LockSeen {
    /// Since when dumps are locked out, where that is written.
    pub fn since(&self) -> Option<Timestamp> {
        let Self::Held { holders } = self else { return None };
        holders.iter().filter_map(|holder| holder.since.parse().ok()).min()
    }
}

/// Looks at the lock on dumps, which is one for all shards.
///
/// # Errors
///
/// [`DumpLockError`]
pub async fn see_lock(deployment: &Deployment) -> Result<LockSeen, DumpLockError> {
    let state = DumpLock::new(deployment.session().clone()).state().await?;
    Ok(match state {
        DumpLockState::Free => LockSeen::Free,
        DumpLockState::Held(holders) => LockSeen::Held { holders },
        DumpLockState::Foreign { content } => LockSeen::Foreign { content },
    })
}

/// The dumps of a shard at a glance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DumpsOverview {
    /// The shard.
    pub shard: ShardName,
    /// The lock.
    pub lock: LockSeen,
    /// The dumps that run.
    pub running: Vec<Running>,
    /// The times at which dumps begin, in cron's words.
    pub schedules: Vec<String>,
    /// No zone tells when dumps begin: the times are taken to be Manta's own.
    pub assumed: bool,
    /// The time at which the next is due, whether or not the lock lets it begin.
    pub next: Option<Timestamp>,
    /// From when on missed dumps were looked for; `None` if nothing was to be looked for, or nobody knows from when.
    pub missed_since: Option<Timestamp>,
    /// Those that should have begun since then.
    pub missed: Vec<MissedDump>,
    /// Things that could not be found out.
    pub unknown: Vec<String>,
}

/// Looks at the dumps of a shard. Nothing is changed. Those that were missed are counted from `since` on, or from when the
/// lock was taken.
///
/// # Errors
///
/// [`InventoryError`] if the shard and its zones cannot be read. What its peers do not tell is part of the overview.
pub async fn dumps_overview(
    deployment: &Deployment,
    shard: &ShardName,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Result<DumpsOverview, InventoryError> {
    let state = shard_state(deployment, shard).await?;
    let lock = see_lock(deployment).await?;
    let places = places(deployment, shard).await?;
    let place_of = |peer: &manatee_client::Peer| {
        places.iter().find(|place| place.zone.to_string() == peer.zone_id.as_str()).cloned()
    };
    let mut unknown = Vec::new();
    let mut running = Vec::new();
    for found in running_by_peer(deployment, &state, place_of).await {
        match found {
            Ok(found) => running.extend(found),
            Err(error) => unknown.push(Chain(&error).to_string()),
        }
    }
    let found = find_schedules(deployment, &places).await;
    unknown.extend(
        found
            .silent
            .iter()
            .map(|(zone, why)| format!("the zone {zone} does not tell its times of dumps: {why}")),
    );
    let missed_since = since.or_else(|| lock.since());
    let missed = missed_since.map_or_else(Vec::new, |since| {
        missed_dumps(std::slice::from_ref(shard), &found.schedules, since, now)
    });
    Ok(DumpsOverview {
        shard: shard.clone(),
        lock,
        running,
        next: next(&found.schedules, now),
        schedules: found.schedules.iter().map(ToString::to_string).collect(),
        assumed: found.assumed,
        missed_since,
        missed,
        unknown,
    })
}

/// The zones of a shard's peers.
async fn places(
    deployment: &Deployment,
    shard: &ShardName,
) -> Result<Vec<ZonePlace>, InventoryError> {
    let manta = deployment.sapi()?.find_manta().await?;
    let zones = zones_of(deployment, &manta, "postgres", shard.as_str()).await?;
    let place = |zone: &manta::Peer| Ok(zone_facts(zone)?.place);
    zones.iter().map(place).collect()
}

/// The time at which the next dump is due.
fn next(schedules: &[Schedule], now: Timestamp) -> Option<Timestamp> {
    let horizon = now.saturating_add(HORIZON_HOURS.hours()).ok()?;
    schedules.iter().filter_map(|schedule| schedule.between(now, horizon, 1).pop()).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_dump_is_the_earliest_of_all_schedules() {
        let now = at("2024-05-06T23:10:00Z");
        let schedules = [Schedule::nightly(), "30 23 * * *".parse().unwrap()];
        assert_eq!(next(&schedules, now), Some(at("2024-05-06T23:30:00Z")));
        assert_eq!(next(&schedules[..1], now), Some(at("2024-05-07T00:00:00Z")));
        let never = ["0 0 31 2 *".parse().unwrap()];
        assert_eq!(next(&never, now), None);
        assert_eq!(next(&[], now), None);
    }

    #[test]
    fn the_lock_is_as_old_as_its_first_holder() {
        let holder = |since: &str| DumpLockHolder { owner: "plan".into(), since: since.into() };
        let two = vec![holder("2024-05-06T12:00:00.000Z"), holder("2024-05-06T11:00:00.000Z")];
        assert_eq!(LockSeen::Held { holders: two }.since(), Some(at("2024-05-06T11:00:00Z")));
        assert_eq!(LockSeen::Held { holders: vec![holder("noon")] }.since(), None);
        assert_eq!(LockSeen::Free.since(), None);
    }
}

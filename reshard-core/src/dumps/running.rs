//! Dumps that run on the peers of a shard.

use std::time::Duration;

use futures_util::future::join_all;
use manatee_client::{BadPgUrl, ClusterState, DUMP_PORT, Peer, PostgresError, RunningDump};
use sapi_client::InstanceUuid;
use serde::Serialize;

use super::schedule::Schedule;
use crate::causes::Chain;
use crate::deployment::{Deployment, ZoneCommandError, ZonePlace, ZoneScript};
use crate::retryable::Retryable;

const RUNNING: &str = include_str!("../scripts/running-dumps.sh");
const SCHEDULE: &str = include_str!("../scripts/dump-schedule.sh");
/// The longest that a dump's own PostgreSQL may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest that the scripts may take.
const LONGEST: Duration = Duration::from_secs(30);

/// A dump that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Running {
    /// The first characters of the UUID of the peer's zone.
    pub peer: String,
    /// The sign by which it was noticed: `pg_dump.sh runs`.
    pub what: String,
}

/// The dumps that run on any of the shard's peers: which of them dumps was decided when the dump began, and the roles may have
/// moved since. `places` tells where the zone of a peer is.
///
/// # Errors
///
/// [`DumpsError`]: then nobody knows.
pub async fn running_dumps(
    deployment: &Deployment,
    state: &ClusterState,
    places: impl Fn(&Peer) -> Option<ZonePlace>,
) -> Result<Vec<Running>, DumpsError> {
    let mut running = Vec::new();
    for found in running_by_peer(deployment, state, places).await {
        running.extend(found?);
    }
    Ok(running)
}

/// As [`running_dumps`], where one peer that does not tell hides nothing of the others.
pub(super) async fn running_by_peer(
    deployment: &Deployment,
    state: &ClusterState,
    places: impl Fn(&Peer) -> Option<ZonePlace>,
) -> Vec<Result<Vec<Running>, DumpsError>> {
    let peers: Vec<(Peer, Option<ZonePlace>)> =
        state.peers().map(|(_, peer)| (peer.clone(), places(peer))).collect();
    let found = peers.iter().map(|(peer, place)| on_peer(deployment, peer, place.as_ref()));
    join_all(found).await
}

async fn on_peer(
    deployment: &Deployment,
    peer: &Peer,
    place: Option<&ZonePlace>,
) -> Result<Vec<Running>, DumpsError> {
    let label = peer.zone_id.label().to_owned();
    let place = place.ok_or_else(|| DumpsError::UnknownPeer { peer: label.clone() })?;
    let endpoint = peer.endpoint()?;
    let script = ZoneScript::new("running-dumps", RUNNING).within(LONGEST);
    let (processes, server) = tokio::join!(
        deployment.zones().stdout(place, &script),
        deployment.databases().running_dump(&endpoint, DUMP_PORT, TIMEOUT)
    );
    let mut found = Vec::new();
    if let Some(line) = processes?.lines().next() {
        let program = if line.contains("custom") { "pg_custom_dump.sh" } else { "pg_dump.sh" };
        found.push(Running { peer: label.clone(), what: format!("{program} runs") });
    }
    if let RunningDump::Running { .. } = server? {
        let what = format!("a server for dumps listens on port {DUMP_PORT}");
        found.push(Running { peer: label, what });
    }
    Ok(found)
}

/// The times at which dumps begin, according to cron in the zone of a peer; empty if cron says nothing of dumps.
///
/// # Errors
///
/// [`DumpsError::Zone`].
pub async fn dump_schedule(
    deployment: &Deployment,
    place: &ZonePlace,
) -> Result<Vec<Schedule>, DumpsError> {
    let script = ZoneScript::new("dump-schedule", SCHEDULE).within(LONGEST);
    let text = deployment.zones().stdout(place, &script).await?;
    // A line that cron refuses starts nothing.
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}

/// The times at which dumps begin, as far as anybody tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSchedules {
    /// The times.
    pub schedules: Vec<Schedule>,
    /// No zone told: they are taken to be Manta's own.
    pub assumed: bool,
    /// The zones that could not be asked, and why.
    pub silent: Vec<(InstanceUuid, String)>,
}

/// Finds when dumps begin: as the first of these zones tells that says anything of dumps, or nightly, as Manta's images have it.
pub async fn find_schedules(deployment: &Deployment, places: &[ZonePlace]) -> FoundSchedules {
    let mut silent = Vec::new();
    for place in places {
        match dump_schedule(deployment, place).await {
            Ok(schedules) if !schedules.is_empty() => {
                return FoundSchedules { schedules, assumed: false, silent };
            }
            Ok(_) => {}
            Err(error) => silent.push((place.zone, Chain(&error).to_string())),
        }
    }
    FoundSchedules { schedules: vec![Schedule::nightly()], assumed: true, silent }
}

/// Nobody knows whether a dump runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DumpsError {
    /// The place of a peer's zone is not known.
    #[error("nobody knows where the zone of the peer {peer} is")]
    UnknownPeer {
        /// The first characters of its UUID.
        peer: String,
    },
    /// A peer has no address.
    #[error("the shard's state has a peer without an address")]
    Address(#[from] BadPgUrl),
    /// The zone did not tell.
    #[error(transparent)]
    Zone(#[from] ZoneCommandError),
    /// The host did not tell.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
}

impl Retryable for DumpsError {
    fn may_pass(&self) -> bool {
        match self {
            Self::UnknownPeer { .. } | Self::Address(_) => false,
            Self::Zone(error) => error.may_pass(),
            Self::Postgres(error) => error.may_pass(),
        }
    }
}

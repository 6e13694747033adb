//! The sitters of peers that leave one shard for another.

use std::time::Duration;

use manatee_client::ShardName;
use serde::{Deserialize, Serialize};

use crate::deployment::{Deployment, ZoneCommandError, ZonePlace, ZoneScript};
use crate::plan::PlanUuid;

const STOP: &str = include_str!("../scripts/stop-sitter.sh");
const MOVE: &str =
    concat!(include_str!("../scripts/own-directory.sh"), include_str!("../scripts/move-peer.sh"));
const START: &str = include_str!("../scripts/start-sitter.sh");
/// The directory of a zone that only root can enter, as `own-directory.sh` has it.
const OWN_DIRECTORY: &str = "/var/reshard";
/// SMF gives a sitter a minute to stop.
const LONGEST: Duration = Duration::from_secs(90);

/// A peer that goes into a new shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovingPeer {
    /// Its zone.
    pub place: ZonePlace,
    /// The new shard.
    pub to: ShardName,
    /// True if it is to be alone there, in one-node-write mode.
    pub alone: bool,
    /// The plan that moves it.
    pub plan: PlanUuid,
}

/// The file in a peer's zone that tells, once it is there, that the peer's sitter has left its old shard.
pub(crate) fn left_file(plan: PlanUuid) -> String {
    format!("{OWN_DIRECTORY}/{plan}-left")
}

impl MovingPeer {
    fn script(&self, name: &'static str, text: &'static str) -> ZoneScript {
        // The zone is the plan's own, so the file goes with it if the plan is rolled back.
        ZoneScript::new(name, text)
            .with("shard_path", format!("/manatee/{}", self.to))
            .with("left", left_file(self.plan))
            .within(LONGEST)
    }
}

/// Has a peer leave its shard: its sitter, and its PostgreSQL with it, stops, and its configuration is rendered until it says
/// the new shard, which SAPI has to say before. Then `start` starts its sitter. Done again, it stops nothing that has moved.
///
/// # Errors
///
/// [`ZoneCommandError`]
pub async fn move_peer(
    deployment: &Deployment,
    peer: &MovingPeer,
    start: bool,
) -> Result<(), ZoneCommandError> {
    let script = peer
        .script("move-peer", MOVE)
        .with("alone", peer.alone.to_string())
        .with("start", if start { "yes" } else { "" });
    deployment.zones().stdout(&peer.place, &script).await.map(drop)
}

/// Starts the sitter of a peer that has moved.
///
/// # Errors
///
/// [`ZoneCommandError`]
pub async fn start_sitter(
    deployment: &Deployment,
    peer: &MovingPeer,
) -> Result<(), ZoneCommandError> {
    deployment.zones().stdout(&peer.place, &peer.script("start-sitter", START)).await.map(drop)
}

/// Stops a peer's sitter, and its PostgreSQL with it.
///
/// # Errors
///
/// [`ZoneCommandError`]
pub async fn stop_sitter(
    deployment: &Deployment,
    peer: &ZonePlace,
) -> Result<(), ZoneCommandError> {
    let script = ZoneScript::new("stop-sitter", STOP).within(LONGEST);
    deployment.zones().stdout(peer, &script).await.map(drop)
}

//! The sitters of peers that leave one shard for another.

use std::time::Duration;

use manatee_client::ShardName;
use serde::{Deserialize, Serialize};

use crate::deployment::{Deployment, ZoneCommandError, ZonePlace, ZoneScript};
use crate::plan::PlanUuid;

const STOP: &str = include_str!("../scripts/stop-sitter.sh");
const MOVE: &str = include_str!("../scripts/move-peer.sh");
const START: &str = include_str!("../scripts/start-sitter.sh");
/// SMF gives a sitter a minute to stop.
const LONGEST: Duration = Duration::from_secs(90);

/// A peer that goes into a new shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovingPeer {
    /// Its zone.
    pub place: ZonePlace,
    /// The new shard.
    pub to: ShardName,
    /// Whether it is to be alone there, in one-node-write mode.
    pub alone: bool,
    /// The plan that moves it.
    pub plan: PlanUuid,
}

impl MovingPeer {
    fn script(&self, name: &'static str, text: &'static str) -> ZoneScript {
        // The zone is the plan's own, so the file goes with it if the plan is taken back.
        ZoneScript::new(name, text)
            .with("shard_path", format!("/manatee/{}", self.to))
            .with("left", format!("/var/tmp/reshard-{}-left", self.plan))
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

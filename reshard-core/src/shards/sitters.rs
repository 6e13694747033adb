//! The sitters of peers that leave one shard for another.

use std::time::Duration;

use manatee_client::ShardName;

use crate::deployment::{Deployment, ZoneCommandError, ZonePlace, ZoneScript};

const STOP: &str = include_str!("../scripts/stop-sitter.sh");
const JOIN: &str = include_str!("../scripts/join-shard.sh");
const START: &str = include_str!("../scripts/start-sitter.sh");
/// SMF gives a sitter a minute to stop.
const LONGEST: Duration = Duration::from_secs(90);

/// Stops a peer's sitter, and its PostgreSQL with it, unless the peer's configuration says already that it is in the shard
/// `unless_in`.
///
/// # Errors
///
/// [`ZoneCommandError`]
pub async fn stop_sitter(
    deployment: &Deployment,
    peer: &ZonePlace,
    unless_in: Option<&ShardName>,
) -> Result<(), ZoneCommandError> {
    let spared = unless_in.map(|shard| format!("/manatee/{shard}")).unwrap_or_default();
    let script = ZoneScript::new("stop-sitter", STOP).with("spared", spared).within(LONGEST);
    deployment.zones().stdout(peer, &script).await.map(drop)
}

/// Has a peer's configuration rendered until it says that the peer is in this shard, and alone there or not. Then `start`
/// starts its sitter.
///
/// # Errors
///
/// [`ZoneCommandError`]
pub async fn join_shard(
    deployment: &Deployment,
    peer: &ZonePlace,
    shard: &ShardName,
    alone: bool,
    start: bool,
) -> Result<(), ZoneCommandError> {
    let script = ZoneScript::new("join-shard", JOIN)
        .with("shard_path", format!("/manatee/{shard}"))
        .with("alone", alone.to_string())
        .with("start", if start { "yes" } else { "" })
        .within(LONGEST);
    deployment.zones().stdout(peer, &script).await.map(drop)
}

/// Starts a peer's sitter in the shard that its configuration names, which has to be this one.
///
/// # Errors
///
/// [`ZoneCommandError`]
pub async fn start_sitter(
    deployment: &Deployment,
    peer: &ZonePlace,
    shard: &ShardName,
) -> Result<(), ZoneCommandError> {
    let script =
        ZoneScript::new("start-sitter", START).with("shard_path", format!("/manatee/{shard}"));
    deployment.zones().stdout(peer, &script).await.map(drop)
}

//! The name by which a peer calls itself.

use manatee_client::ShardName;

use crate::deployment::{Deployment, ZoneCommandError, ZonePlace, ZoneScript};
use crate::plan::PlanUuid;
use crate::shards::left_file;

const TIDY: &str = include_str!("../scripts/tidy-peer.sh");

/// Has the operators' shells in a peer's zone speak of its new shard, and the zone register under that shard's name. What the plan's scripts have left in the
/// zone goes.
///
/// # Errors
///
/// [`ZoneCommandError`]
pub async fn tidy_peer(
    deployment: &Deployment,
    peer: &ZonePlace,
    shard: &ShardName,
    plan: PlanUuid,
) -> Result<(), ZoneCommandError> {
    let script = ZoneScript::new("tidy-peer", TIDY)
        .with("shard", shard.as_str())
        .with("left", left_file(plan));
    deployment.zones().stdout(peer, &script).await.map(drop)
}

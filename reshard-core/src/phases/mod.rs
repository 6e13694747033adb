//! The phases of a plan: one file each, in the order of this table.

mod block_writes;
mod build_rings;
mod canaries;
mod delete_ghosts;
mod install_ring;
mod list_shard;
mod plant_canaries;
mod publish_ring;
mod release_ring;
mod remove_canaries;
mod reserve_ring;
mod router_work;
mod stage_rings;
mod verify_routing;

pub use self::block_writes::BlockWrites;
pub use self::build_rings::BuildRings;
pub use self::delete_ghosts::DeleteGhosts;
pub use self::install_ring::InstallRing;
pub use self::list_shard::ListShard;
pub use self::plant_canaries::PlantCanaries;
pub use self::publish_ring::PublishRing;
pub use self::release_ring::ReleaseRing;
pub use self::remove_canaries::RemoveCanaries;
pub use self::reserve_ring::ReserveRing;
pub use self::stage_rings::StageRings;
pub use self::verify_routing::VerifyRouting;

use std::sync::Arc;

use crate::phase::Phase;

/// The runbook of RFD 103, automated as written.
pub fn rfd103() -> Vec<Arc<dyn Phase>> {
    vec![
        Arc::new(ReserveRing),
        Arc::new(PlantCanaries),
        Arc::new(BuildRings),
        Arc::new(StageRings),
        Arc::new(BlockWrites),
        Arc::new(ListShard),
        Arc::new(PublishRing),
        Arc::new(InstallRing),
        Arc::new(VerifyRouting),
        Arc::new(ReleaseRing),
        Arc::new(DeleteGhosts),
        Arc::new(RemoveCanaries),
    ]
}

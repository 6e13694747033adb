//! The phases of a plan: one file each, in the order of this table.

mod block_writes;
mod build_rings;
mod install_ring;
mod list_shard;
mod publish_ring;
mod release_ring;
mod reserve_ring;
mod router_work;
mod stage_rings;

pub use self::block_writes::BlockWrites;
pub use self::build_rings::BuildRings;
pub use self::install_ring::InstallRing;
pub use self::list_shard::ListShard;
pub use self::publish_ring::PublishRing;
pub use self::release_ring::ReleaseRing;
pub use self::reserve_ring::ReserveRing;
pub use self::stage_rings::StageRings;

use std::sync::Arc;

use crate::phase::Phase;

/// The runbook of RFD 103, automated as written.
pub fn rfd103() -> Vec<Arc<dyn Phase>> {
    vec![
        Arc::new(ReserveRing),
        Arc::new(BuildRings),
        Arc::new(StageRings),
        Arc::new(BlockWrites),
        Arc::new(ListShard),
        Arc::new(PublishRing),
        Arc::new(InstallRing),
        Arc::new(ReleaseRing),
    ]
}

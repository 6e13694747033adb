//! The phases of a plan: one file each, in the order of this table.

mod block_writes;
mod build_rings;
mod canaries;
mod catch_up;
mod delete_ghosts;
mod document;
mod drain;
mod fitness;
mod freeze_source;
mod ghost_tables;
mod hand_over_reads;
mod install_ring;
mod list_shard;
mod lock_dumps;
mod moray_queue;
mod new_zones;
mod plant_canaries;
mod preflight;
mod provision_morays;
mod provision_peers;
mod publish_ring;
mod recheck;
mod release_ring;
mod remove_canaries;
mod reserve_names;
mod reserve_ring;
mod router_work;
mod source;
mod split_shard;
mod stage_rings;
mod sweep;
mod tidy_metadata;
mod together;
mod transactions;
mod unfreeze;
mod unlock_dumps;
mod unneeded;
mod verify_routing;

use std::sync::Arc;

pub use self::block_writes::BlockWrites;
pub use self::build_rings::BuildRings;
pub use self::catch_up::CatchUp;
pub use self::delete_ghosts::DeleteGhosts;
pub use self::document::document;
pub use self::drain::Drain;
pub use self::freeze_source::FreezeSource;
pub use self::hand_over_reads::HandOverReads;
pub use self::install_ring::InstallRing;
pub use self::list_shard::ListShard;
pub use self::lock_dumps::LockDumps;
pub use self::plant_canaries::PlantCanaries;
pub use self::preflight::Preflight;
pub use self::provision_morays::ProvisionMorays;
pub use self::provision_peers::ProvisionPeers;
pub use self::publish_ring::PublishRing;
pub use self::recheck::Recheck;
pub use self::release_ring::ReleaseRing;
pub use self::remove_canaries::RemoveCanaries;
pub use self::reserve_names::ReserveNames;
pub use self::reserve_ring::ReserveRing;
pub use self::split_shard::SplitShard;
pub use self::stage_rings::StageRings;
pub use self::tidy_metadata::TidyMetadata;
pub use self::unfreeze::Unfreeze;
pub use self::unlock_dumps::UnlockDumps;
pub use self::verify_routing::VerifyRouting;
use crate::phase::Phase;

/// The runbook of RFD 103, automated as written.
pub fn rfd103() -> Vec<Arc<dyn Phase>> {
    vec![
        Arc::new(Preflight),
        Arc::new(ReserveNames),
        Arc::new(PlantCanaries),
        Arc::new(FreezeSource),
        Arc::new(LockDumps),
        Arc::new(ProvisionPeers),
        Arc::new(CatchUp),
        Arc::new(ProvisionMorays),
        Arc::new(ReserveRing),
        Arc::new(BuildRings),
        Arc::new(StageRings),
        Arc::new(Recheck),
        Arc::new(BlockWrites),
        Arc::new(Drain),
        Arc::new(SplitShard),
        Arc::new(ListShard),
        Arc::new(HandOverReads),
        Arc::new(PublishRing),
        Arc::new(InstallRing),
        Arc::new(VerifyRouting),
        Arc::new(ReleaseRing),
        Arc::new(TidyMetadata),
        Arc::new(UnlockDumps),
        Arc::new(DeleteGhosts),
        Arc::new(Unfreeze),
        Arc::new(RemoveCanaries),
    ]
}

#[cfg(test)]
mod tests {
    use crate::plan::MOST_ROUNDS_BACK;

    #[test]
    fn budgets_reckon_with_the_longest_way_back() {
        let rounds: u32 = super::rfd103().iter().map(|phase| phase.undo_rounds()).sum();
        assert_eq!(rounds, MOST_ROUNDS_BACK);
    }
}

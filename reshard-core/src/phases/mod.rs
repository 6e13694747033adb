//! The phases of a plan: one file each, in the order of this table.

mod catch_up;
mod drain;
mod freeze_source;
mod lock_dumps;
mod new_zones;
mod provision_morays;
mod provision_peers;
mod source;
mod split_shard;
mod tidy_metadata;
mod together;
mod unfreeze;
mod unlock_dumps;

use std::sync::Arc;

pub use self::catch_up::CatchUp;
pub use self::drain::Drain;
pub use self::freeze_source::FreezeSource;
pub use self::lock_dumps::LockDumps;
pub use self::provision_morays::ProvisionMorays;
pub use self::provision_peers::ProvisionPeers;
pub use self::split_shard::SplitShard;
pub use self::tidy_metadata::TidyMetadata;
pub use self::unfreeze::Unfreeze;
pub use self::unlock_dumps::UnlockDumps;

use crate::phase::Phase;

/// The runbook of RFD 103, automated as written.
pub fn rfd103() -> Vec<Arc<dyn Phase>> {
    vec![
        Arc::new(FreezeSource),
        Arc::new(LockDumps),
        Arc::new(ProvisionPeers),
        Arc::new(CatchUp),
        Arc::new(ProvisionMorays),
        Arc::new(Drain),
        Arc::new(SplitShard),
        Arc::new(TidyMetadata),
        Arc::new(UnlockDumps),
        Arc::new(Unfreeze),
    ]
}

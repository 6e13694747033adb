//! The guarded mode: routers are led to an alias of the source first, and a cutover of a fraction of a second moves what is behind it.

use std::sync::Arc;

use crate::phase::{Phase, Sequence, SequenceError};
use crate::phases::guarded::{
    ArmGuard, CloseTargets, CutOver, FlipRouters, Follow, LeadMorays, NameRing, OpenSwitches,
    PartPeers, RemoveGuard, SettleMorays, ThawSource,
};
use crate::phases::{
    BuildRings, CatchUp, DeleteGhosts, FreezeSource, ListShard, LockDumps, PlantCanaries,
    Preflight, ProvisionMorays, ProvisionPeers, Recheck, ReleaseRing, RemoveCanaries, ReserveNames,
    ReserveRing, SplitShard, StageRings, TidyMetadata, Unfreeze, UnlockDumps, VerifyRouting,
};

pub(super) fn sequence() -> Result<Sequence, SequenceError> {
    let before: [Arc<dyn Phase>; 28] = [
        Arc::new(Preflight),
        Arc::new(ReserveNames),
        Arc::new(PlantCanaries),
        Arc::new(ArmGuard),
        Arc::new(ProvisionPeers),
        Arc::new(CatchUp),
        Arc::new(OpenSwitches),
        Arc::new(ProvisionMorays),
        Arc::new(LeadMorays),
        Arc::new(ReserveRing),
        Arc::new(BuildRings),
        Arc::new(StageRings),
        Arc::new(FreezeSource),
        Arc::new(LockDumps),
        Arc::new(Recheck),
        Arc::new(PartPeers),
        Arc::new(SplitShard),
        Arc::new(CloseTargets),
        Arc::new(UnlockDumps),
        Arc::new(ThawSource),
        Arc::new(Follow),
        Arc::new(ListShard),
        Arc::new(FlipRouters),
        Arc::new(NameRing),
        Arc::new(CutOver),
        Arc::new(Unfreeze),
        Arc::new(VerifyRouting),
        Arc::new(SettleMorays),
    ];
    let after: [Arc<dyn Phase>; 4] = [
        Arc::new(ReleaseRing),
        Arc::new(TidyMetadata),
        Arc::new(DeleteGhosts),
        Arc::new(RemoveCanaries),
    ];
    Sequence::open(before).pivot(Arc::new(RemoveGuard)).open(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_writes_are_refused_and_there_is_a_way_back_until_the_guard_goes() {
        let sequence = sequence().unwrap();
        assert!(sequence.block_begins().is_none());
        assert_eq!(sequence.pivot().map(|step| step.name()), Some("remove-guard"));
    }
}

//! The runbook of RFD 103, automated as written.

use std::sync::Arc;

use crate::phase::{Phase, Sequence, SequenceError};
use crate::phases::{
    BlockWrites, BuildRings, CatchUp, DeleteGhosts, Drain, FreezeSource, HandOverReads,
    InstallRing, ListShard, LockDumps, PlantCanaries, Preflight, ProvisionMorays, ProvisionPeers,
    PublishRing, Recheck, ReleaseRing, RemoveCanaries, ReserveNames, ReserveRing, SplitShard,
    StageRings, TidyMetadata, Unfreeze, UnlockDumps, VerifyRouting,
};

pub(super) fn sequence() -> Result<Sequence, SequenceError> {
    let before: [Arc<dyn Phase>; 12] = [
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
    ];
    let blocked: [Arc<dyn Phase>; 5] = [
        Arc::new(BlockWrites),
        Arc::new(Drain),
        Arc::new(SplitShard),
        Arc::new(ListShard),
        Arc::new(HandOverReads),
    ];
    let after: [Arc<dyn Phase>; 7] = [
        Arc::new(VerifyRouting),
        Arc::new(ReleaseRing),
        Arc::new(TidyMetadata),
        Arc::new(UnlockDumps),
        Arc::new(DeleteGhosts),
        Arc::new(Unfreeze),
        Arc::new(RemoveCanaries),
    ];
    Sequence::open(before)
        .blocked(blocked)
        .pivot(Arc::new(PublishRing))
        .last(Arc::new(InstallRing))
        .open(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::MOST_ROUNDS_BACK;

    #[test]
    fn budgets_reckon_with_the_longest_way_back() {
        let rounds: u32 = sequence().unwrap().iter().map(|step| step.undo_rounds()).sum();
        assert_eq!(rounds, MOST_ROUNDS_BACK);
    }
}

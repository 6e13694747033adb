//! Finds a point of the source's history from which on the new shards go their own way, and waits until the new peers have
//! replayed up to it. What is written later reaches them through the guard's log.
//!
//! * reads: position and snapshot of the source's primary; positions of the new peers
//! * writes: nothing; the fact `split-point`
//! * done when: every new peer has replayed the position
//! * undo: the fact is forgotten
//! * pause: while waiting for the peers

use async_trait::async_trait;

use crate::phase::{About, Context, Phase, PhaseError, Undone};
use crate::phases::drain::replayed;
use crate::phases::facts::SPLIT_POINT;
use crate::phases::source::frozen_tail;
use crate::phases::transactions::Primary;
use crate::shards::SplitPoint;

/// Finds the point where the new shards part from the source.
#[derive(Clone, Copy, Debug)]
pub struct PartPeers;

#[async_trait]
impl Phase for PartPeers {
    fn name(&self) -> &'static str {
        "part-peers"
    }

    fn about(&self) -> About {
        About {
            title: "find the point where the new peers part from the source",
            rfd103: "7",
            reads: "position and snapshot of the source's primary, positions of the new peers",
            writes: "nothing",
            done_when: "every new peer has replayed the position",
            undo: "nothing",
            pause: "while waiting for the peers",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        let (state, peers) = frozen_tail(context).await?;
        let primary = Primary::connect(context, &state).await?;
        let snapshot = primary.told("its snapshot", primary.transactions.snapshot().await)?;
        let lsn = context.deployment().databases().current_position(&primary.endpoint).await;
        let lsn = primary.told("its position", lsn)?;
        let source = context.plan().source().clone();
        let point = SplitPoint { source, lsn, snapshot, at: context.now() };
        context
            .note(format!("the new peers part from {} after {}", point.source, point.lsn))
            .await?;
        replayed(context, &state, &peers, &point).await?;
        context.put(&SPLIT_POINT, &point).await
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        context.forget(&SPLIT_POINT).await?;
        Ok(Undone::Completely)
    }
}

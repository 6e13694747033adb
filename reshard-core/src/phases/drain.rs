//! Finds the point at which the source's history parts, and waits until the new peers have replayed up to it.
//!
//! All routers refuse writes to the moving vnodes when this begins. Whatever a router had passed on before waits in Moray, or is
//! part of a transaction at the primary that is still open or prepared, or is over.
//!
//! * reads: requests of the source's Moray processes; open and prepared transactions and position of its primary; positions of
//!   the new peers
//! * writes: nothing; the fact `split-point`
//! * done when: requests and transactions from before have ended and every new peer has replayed the position after them
//! * undo: the fact is forgotten
//! * pause: not inside the write block

use std::time::Duration;

use async_trait::async_trait;
use manatee_client::{ClusterState, Peer};

use super::facts::SPLIT_POINT;
use super::moray_queue;
use super::source::frozen_tail;
use super::transactions::{Primary, TRANSACTIONS};
use crate::peers::follow;
use crate::phase::{About, Context, Phase, PhaseError, Poll, Undone, Wait};
use crate::shards::SplitPoint;

/// The longest that the rest of the replay may take.
const REPLAY: Duration = Duration::from_mins(2);

/// Finds the split point.
#[derive(Clone, Copy, Debug)]
pub struct Drain;

#[async_trait]
impl Phase for Drain {
    fn name(&self) -> &'static str {
        "drain"
    }

    fn about(&self) -> About {
        About {
            title: "let the last writes reach the new peers",
            rfd103: "7",
            reads: "requests of the source's Moray processes, open and prepared transactions and position of its primary, positions \
                    of the new peers",
            writes: "nothing",
            done_when: "older requests and transactions have ended and every new peer has replayed the position after them",
            undo: "nothing",
            pause: "never: it is inside the write block",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        let (state, peers) = frozen_tail(context).await?;
        let point = split_point(context, &state).await?;
        context.note(format!("the split point is {} of {}", point.lsn, point.source)).await?;
        replayed(context, &state, &peers, &point).await?;
        context.put(&SPLIT_POINT, &point).await
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        context.forget(&SPLIT_POINT).await?;
        Ok(Undone::Completely)
    }
}

/// The position after everything that routers had passed on before now.
async fn split_point(context: &Context, state: &ClusterState) -> Result<SplitPoint, PhaseError> {
    let primary = Primary::connect(context, state).await?;
    moray_queue::is_over(context).await?;
    let transactions = &primary.transactions;
    // Only now: a request that has waited in Moray until a moment ago has begun its transaction just now.
    let from = primary.told("its time", transactions.server_time(Duration::ZERO).await)?;
    let which = "transactions from before the write block";
    primary.ended_before(context, &from, which, TRANSACTIONS).await?;
    let snapshot = primary.told("its snapshot", transactions.snapshot().await)?;
    let lsn = context.deployment().databases().current_position(&primary.endpoint).await;
    let lsn = primary.told("its position", lsn)?;
    let source = context.plan().source().clone();
    Ok(SplitPoint { source, lsn, snapshot, at: context.now() })
}

/// Waits until all peers have replayed everything up to the split point.
pub(super) async fn replayed(
    context: &Context,
    state: &ClusterState,
    peers: &[Peer],
    point: &SplitPoint,
) -> Result<(), PhaseError> {
    let waiting = Wait {
        what: format!("the new peers to replay {}", point.lsn),
        hint: "look at the sitter's log of one that does not get on".into(),
    };
    context
        .wait(waiting, REPLAY, || async {
            let progress = follow(context.deployment(), state, peers, point.lsn).await;
            if progress.iter().all(|one| one.standing.is_within(0)) {
                return Ok(Poll::Ready(()));
            }
            let told: Vec<String> = progress.iter().map(ToString::to_string).collect();
            Ok(Poll::Pending(None, told.join("; ")))
        })
        .await
}

#[cfg(test)]
mod tests;

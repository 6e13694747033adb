//! Finds the point at which the source's history parts, and waits until the new peers have replayed up to it.
//!
//! All routers refuse writes to the moving vnodes when this begins. Whatever a router had passed on before is part of a
//! transaction at the primary that is still open, or over.
//!
//! * reads: open transactions and position of the source's primary; positions of the new peers
//! * writes: nothing; the fact `split-point`
//! * done when: transactions from before have ended and every new peer has replayed the position after them
//! * undo: the fact is forgotten
//! * pause: not inside the write block

use std::time::Duration;

use async_trait::async_trait;
use manatee_client::{ClusterState, Peer};

use super::source::{frozen_tail, primary_is_silent};
use crate::deployment::Database;
use crate::executor::{Context, Seen, Waiting};
use crate::peers::follow;
use crate::phase::{About, OrTrouble, Phase, Trouble, Undone, WriteBlock};
use crate::shards::{SplitPoint, server_time, snapshot, transactions_before};

/// The fact with the [`SplitPoint`].
pub(super) const SPLIT_POINT: &str = "split-point";
/// How long any statement here may take.
const STATEMENT: Duration = Duration::from_secs(5);
/// How long the primary may be silent.
const SILENT: Duration = Duration::from_secs(10);
/// How long transactions from before may last.
const TRANSACTIONS: Duration = Duration::from_secs(30);
/// How long the rest of the replay may take.
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
            reads: "open transactions and position of the source's primary, positions of the new peers",
            writes: "nothing",
            done_when: "older transactions have ended and every new peer has replayed the position after them",
            undo: "nothing",
            pause: "never: it is inside the write block",
        }
    }

    fn write_block(&self) -> WriteBlock {
        WriteBlock::Inside
    }

    async fn run(&self, context: &Context) -> Result<(), Trouble> {
        let (state, peers) = frozen_tail(context).await?;
        let point = split_point(context, &state).await?;
        context.note(format!("the split point is {} of {}", point.lsn, point.source))?;
        replayed(context, &state, &peers, &point).await?;
        context.remember(SPLIT_POINT, &point)
    }

    async fn undo(&self, context: &Context) -> Result<Undone, Trouble> {
        context.forget(SPLIT_POINT)?;
        Ok(Undone::Completely)
    }
}

/// The position after all transactions that began before now.
async fn split_point(context: &Context, state: &ClusterState) -> Result<SplitPoint, Trouble> {
    let name = &context.plan().request.source;
    let silent = || primary_is_silent(state, name);
    let endpoint = state.primary.endpoint().map_err(|error| {
        Trouble::hold(format!("the primary of {name} cannot be asked: {error}"), silent())
    })?;
    let waiting = Waiting { what: format!("the primary of {name} to answer"), you_can: silent() };
    let database = context
        .wait(waiting, SILENT, || async {
            let connected = Database::connect(&endpoint, STATEMENT).await;
            connected.or_hold("it does not answer", silent()).map(Seen::Ready)
        })
        .await?;
    let told = |what: &str| format!("the primary of {name} does not tell {what}");
    let from = server_time(&database).await.or_hold(told("its time"), silent())?;
    let waiting = Waiting {
        what: "transactions from before the write block to end".to_owned(),
        you_can: "end those that hang, with pg_terminate_backend(PID) at the primary".to_owned(),
    };
    context
        .wait(waiting, TRANSACTIONS, || async {
            let open = transactions_before(&database, &from).await;
            let open = open.or_hold(told("its transactions"), silent())?;
            if open.is_empty() {
                return Ok(Seen::Ready(()));
            }
            let listed: Vec<String> = open
                .iter()
                .map(|one| {
                    format!(
                        "process {} ({:?}), open for {} s",
                        one.pid, one.application, one.seconds
                    )
                })
                .collect();
            Ok(Seen::NotYet(None, listed.join(", ")))
        })
        .await?;
    let snapshot = snapshot(&database).await.or_hold(told("its snapshot"), silent())?;
    let lsn = context.deployment().postgres(endpoint).current_position().await;
    let lsn = lsn.or_hold(told("its position"), silent())?;
    Ok(SplitPoint { source: name.clone(), lsn, snapshot, at: context.now() })
}

/// Waits until all peers have replayed everything up to the split point.
async fn replayed(
    context: &Context,
    state: &ClusterState,
    peers: &[Peer],
    point: &SplitPoint,
) -> Result<(), Trouble> {
    let waiting = Waiting {
        what: format!("the new peers to replay {}", point.lsn),
        you_can: "look at the sitter's log of one that does not get on".to_owned(),
    };
    context
        .wait(waiting, REPLAY, || async {
            let progress = follow(context.deployment(), state, peers, point.lsn).await;
            if progress.iter().all(|one| one.standing.is_within(0)) {
                return Ok(Seen::Ready(()));
            }
            let told: Vec<String> = progress.iter().map(ToString::to_string).collect();
            Ok(Seen::NotYet(None, told.join("; ")))
        })
        .await
}

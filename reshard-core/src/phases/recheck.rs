//! Looks once more, now that everything is prepared: in the mode `rfd103` writes will be refused from here on.
//!
//! The findings must not be older than the execution that goes on from them: done before, it is done again.
//!
//! * Reads: what `preflight` reads. What the plan has done itself is no obstacle: its freeze, its locks, its zones.
//! * Writes: nothing; the freeze and the lock on dumps again, if somebody has removed them and the operator goes on.
//! * Done when: no check fails, and nothing that the plan was made from has changed.
//! * Undo: there is nothing to undo.
//! * Pause: before it begins.

use std::time::Duration;

use async_trait::async_trait;
use manatee_client::ClusterState;

use super::lock_dumps::still_locked;
use super::moray_queue;
use super::readiness::{Readiness, check_readiness};
use super::reserve_ring::Base;
use super::source::frozen_tail;
use super::transactions::{Primary, TRANSACTIONS};
use crate::inventory::Expected;
use crate::phase::{About, Context, Phase, PhaseError, Undone};
use crate::plan::Mode;
use crate::preflight::{OLD_TRANSACTION, Subject, own_zones};

/// Looks once more before writes are refused.
pub struct Recheck;

/// Waits for transactions that are open for some time already: inside the write block they would be waited for in vain.
async fn settled(context: &Context, state: &ClusterState) -> Result<(), PhaseError> {
    let primary = Primary::connect(context, state).await?;
    let old = primary.transactions.server_time(OLD_TRANSACTION).await;
    let old = primary.told("its time", old)?;
    let patience = Duration::from_secs(context.tuning().await?.wait_seconds).min(TRANSACTIONS);
    primary.ended_before(context, &old, "old transactions at the source", patience).await
}

#[async_trait]
impl Phase for Recheck {
    fn name(&self) -> &'static str {
        "recheck"
    }

    fn about(&self) -> About {
        About {
            title: "check everything once more",
            rfd103: "",
            reads: "what preflight reads",
            writes: "nothing; the freeze and the lock on dumps again, if somebody has removed them and the operator goes on",
            done_when: "no check fails, and nothing that the plan was made from has changed, but for the plan's own doing",
            undo: "nothing",
            pause: "before it begins",
        }
    }

    fn expires(&self) -> bool {
        true
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        context.check_budget().await?;
        if context.plan().request.mode == Mode::Rfd103 {
            // Next is the write block, which must not wait, and begins with what is looked at here.
            context.permission(context.plan().prediction.write_block()).await?;
        }
        let (state, _) = frozen_tail(context).await?;
        still_locked(context).await?;
        settled(context, &state).await?;
        moray_queue::find_processes(context).await?;
        let (plan, round) = (context.plan(), context.round().await?);
        let subject = Subject::prepared_plan(plan, round);
        let expected = Expected {
            zones: own_zones(plan, round),
            ring: Some(Base::of(context).await?.image),
            shards: plan.target_names().into_iter().collect(),
        };
        check_readiness(context, Readiness { subject, expected }).await
    }

    async fn undo(&self, _: &Context) -> Result<Undone, PhaseError> {
        Ok(Undone::Completely)
    }
}

#[cfg(test)]
mod tests;

//! Looks once more, now that everything is prepared: from here on writes will be refused.
//!
//! * Reads: what `preflight` reads. What the plan has done itself is no obstacle: its freeze, its locks, its zones.
//! * Writes: nothing; the freeze and the lock on dumps again, if somebody has removed them and the operator goes on.
//! * Done when: no check fails, and nothing that the plan was made from has changed.
//! * Undo: there is nothing to undo.
//! * Pause: before it begins.

use async_trait::async_trait;

use super::fitness::{Fitness, judge};
use super::lock_dumps::still_locked;
use super::reserve_ring::Base;
use super::source::frozen_source;
use crate::executor::Context;
use crate::inventory::Expected;
use crate::phase::{About, Phase, Trouble, Undone};
use crate::preflight::{Subject, own_zones};

/// Looks once more before writes are refused.
pub struct Recheck;

#[async_trait]
impl Phase for Recheck {
    fn name(&self) -> &'static str {
        "recheck"
    }

    fn about(&self) -> About {
        About {
            title: "check once more before writes are refused",
            rfd103: "",
            reads: "what preflight reads",
            writes: "nothing; the freeze and the lock on dumps again, if somebody has removed them and the operator goes on",
            done_when: "no check fails, and nothing that the plan was made from has changed, but for the plan's own doing",
            undo: "nothing",
            pause: "before it begins",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), Trouble> {
        context.check_budget()?;
        frozen_source(context).await?;
        still_locked(context).await?;
        let (plan, round) = (context.plan(), context.round()?);
        let subject = Subject::prepared_plan(plan, round);
        let expected = Expected {
            zones: own_zones(plan, round),
            ring: Some(Base::of(context)?.image),
            shards: plan.targets.iter().map(|target| target.name.to_string()).collect(),
        };
        judge(context, Fitness { subject, expected }).await
    }

    async fn undo(&self, _: &Context) -> Result<Undone, Trouble> {
        Ok(Undone::Completely)
    }
}

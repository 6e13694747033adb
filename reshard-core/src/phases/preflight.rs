//! Looks whether the plan can begin.
//!
//! * Reads: everything that the plan depends on: the checks of [`crate::preflight`], and the inventory once more.
//! * Writes: nothing.
//! * Done when: no check fails, and nothing that the plan was made from has changed.
//! * Undo: there is nothing to undo.
//! * Pause: before it begins.

use async_trait::async_trait;

use super::readiness::{Readiness, check_readiness};
use crate::phase::{About, Context, Phase, PhaseError, Undone};
use crate::preflight::Subject;

/// Looks whether the plan can begin.
pub struct Preflight;

#[async_trait]
impl Phase for Preflight {
    fn name(&self) -> &'static str {
        "preflight"
    }

    fn about(&self) -> About {
        About {
            title: "check that the shard can be split and that the plan still fits",
            rfd103: "",
            reads: "the source, its zones, the ring, every router, servers, images, locks",
            writes: "nothing",
            done_when: "no check fails, and nothing that the plan was made from has changed",
            undo: "nothing",
            pause: "before it begins",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        context.check_budget().await?;
        let subject = Subject::plan(context.plan());
        check_readiness(
            context,
            Readiness { subject, expected: crate::inventory::Expected::default() },
        )
        .await
    }

    async fn undo(&self, _: &Context) -> Result<Undone, PhaseError> {
        Ok(Undone::Completely)
    }
}

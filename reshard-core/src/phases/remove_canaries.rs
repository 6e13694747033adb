//! Removes the canaries.
//!
//! * Reads: the fact `canaries`; the routers.
//! * Writes: removes the canaries through a router.
//! * Done when: none of them is there.
//! * Undo: nothing to do: they were there only to be looked for.
//! * Pause: between two canaries.

use async_trait::async_trait;

use super::canaries::remove_all;
use crate::phase::{About, Context, Phase, PhaseError, Undone};

/// Removes the canaries.
#[derive(Clone, Copy, Debug, Default)]
pub struct RemoveCanaries;

#[async_trait]
impl Phase for RemoveCanaries {
    fn name(&self) -> &'static str {
        "remove-canaries"
    }

    fn about(&self) -> About {
        About {
            title: "remove the canaries",
            rfd103: "9",
            reads: "the routers",
            writes: "removes the canaries, through a router",
            done_when: "none of them is there",
            undo: "nothing to do: they are there only to be looked for",
            pause: "between two canaries",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        remove_all(context).await
    }

    async fn undo(&self, _context: &Context) -> Result<Undone, PhaseError> {
        Ok(Undone::Completely)
    }
}

//! Lifts the plan's freeze of the source: the new peers have left it, and until the cutover its peers may take over as always.
//!
//! * reads: the source's state
//! * writes: the state without the plan's freeze
//! * done when: the source is not frozen by the plan
//! * undo: nothing
//! * pause: before it begins

use async_trait::async_trait;

use crate::phase::{About, Context, Phase, PhaseError, Undone, Withheld};
use crate::phases::source::source;
use crate::phases::unfreeze::unfreeze;

/// Lifts the plan's freeze of the source.
#[derive(Clone, Copy, Debug)]
pub struct ThawSource;

#[async_trait]
impl Phase for ThawSource {
    fn name(&self) -> &'static str {
        "thaw-source"
    }

    fn about(&self) -> About {
        About {
            title: "unfreeze the source until the cutover",
            rfd103: "",
            reads: "the source's state",
            writes: "the state without the plan's freeze",
            done_when: "the source is not frozen by the plan",
            undo: "nothing",
            pause: "before it begins",
        }
    }

    fn gives_back(&self) -> &'static [Withheld] {
        &[Withheld::Takeovers]
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        unfreeze(context, &source(context)).await
    }

    async fn undo(&self, _context: &Context) -> Result<Undone, PhaseError> {
        Ok(Undone::Completely)
    }
}

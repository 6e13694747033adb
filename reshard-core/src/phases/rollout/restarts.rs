//! Restarts of routers' processes, counted over all tries of putting a ring in place.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal::Fact;
use crate::phase::{Context, PhaseError};
use crate::phases::facts::RESTARTS;

/// The restarts of the tries that failed, and of the one that goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::phases) struct Restarts {
    restarted: u64,
    tries: u32,
    began: Timestamp,
}

fn fact(context: &Context, undoing: bool) -> Fact<Restarts> {
    RESTARTS.of([&context.phase, &if undoing { "back" } else { "there" }])
}

impl Restarts {
    /// Those of the tries before this one. What was counted on the way there is of no use on the way back, and the other way round.
    pub(super) async fn so_far(context: &Context) -> Result<Self, PhaseError> {
        let other = fact(context, !context.undoing);
        if context.get(&other).await?.is_some() {
            context.forget(&other).await?;
        }
        let begun = context.get(&fact(context, context.undoing)).await?;
        Ok(begun.unwrap_or_else(|| Self { restarted: 0, tries: 0, began: context.now() }))
    }

    /// Adds those of one try.
    pub(super) fn and(self, restarted: u64) -> Self {
        Self { restarted: self.restarted + restarted, tries: self.tries + 1, ..self }
    }

    /// Keeps them for the next try.
    pub(super) async fn keep(&self, context: &Context) {
        // A journal that cannot be written is noticed with the next change.
        context.put(&fact(context, context.undoing), self).await.ok();
    }

    /// Ends the counting, and tells in words of it. The last try took so long.
    pub(super) async fn end(
        self,
        context: &Context,
        zones: usize,
        took: Duration,
    ) -> Result<String, PhaseError> {
        let (mut took, mut tries) = (took, String::new());
        if self.tries > 1 {
            context.forget(&fact(context, context.undoing)).await?;
            took = Duration::try_from(context.now().duration_since(self.began)).unwrap_or(took);
            tries = format!(", in {} tries", self.tries);
        }
        let (restarted, seconds) = (self.restarted, took.as_secs_f64());
        Ok(format!("{restarted} processes restarted in {zones} zones in {seconds:.2} s{tries}"))
    }
}

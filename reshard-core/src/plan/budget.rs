//! The budget, which is the longest that writes may be refused: what a plan allows, and the least that it has to be for the way
//! back out of the write block.

use std::time::Duration;

use super::{Mode, Plan, PlanError, Prediction};

/// Rounds over all routers that the longest way back takes: the read-only ring everywhere, and then the original one.
pub(crate) const MOST_ROUNDS_BACK: u32 = 2;
/// The time that the way back may take besides its rounds.
pub(crate) const BESIDES: Duration = Duration::from_secs(2);
/// The factor by which a round back may take longer than one forth.
pub(crate) const SLOWER: f64 = 1.25;
/// The shortest budget that is taken from a prediction.
const LEAST: Duration = Duration::from_secs(30);
/// The longest that requests wait for a guarded cutover, unless the operator says otherwise.
const CUTOVER: Duration = Duration::from_secs(1);
/// The longest that is believed of a prediction, in seconds.
const DAY: f64 = 86_400.0;

/// The part of a budget that is kept for a way back of so many rounds over the routers that take so long.
pub(crate) fn way_back(rounds: u32, round: Duration) -> Duration {
    (round * rounds).mul_f64(SLOWER) + BESIDES
}

impl Prediction {
    /// The time for which writes are refused.
    pub fn write_block(&self) -> Duration {
        Duration::from_secs_f64(self.write_block_seconds.clamp(0.0, DAY))
    }

    /// The time that a round over all electric-morays takes.
    pub fn router_round(&self) -> Duration {
        // Plans of before this was written down have three rounds in their write block.
        let seconds = self.router_round_seconds.unwrap_or(self.write_block_seconds / 3.0);
        Duration::from_secs_f64(seconds.clamp(0.0, DAY))
    }

    /// The least budget, in whole seconds: as long as the write block is predicted to take, and the longest way back.
    pub fn least_budget(&self) -> Duration {
        let predicted = self.write_block();
        if self.router_round_seconds == Some(0.0) {
            // No router is changed while requests wait, and whatever was begun ends by itself.
            return predicted.max(CUTOVER);
        }
        let needed = predicted + way_back(MOST_ROUNDS_BACK, self.router_round());
        let whole = Duration::from_secs(needed.as_secs());
        if whole == needed { whole } else { whole + Duration::from_secs(1) }
    }
}

impl Plan {
    /// The longest that the write block may last, the way back included: what the operator has set since, or has asked for with the
    /// plan, or otherwise twice the prediction.
    pub fn budget(&self, tuned: Option<u64>) -> Duration {
        let asked = tuned.or(self.request.budget_seconds).map(Duration::from_secs);
        if self.request.mode == Mode::Guarded {
            return self.cutover_budget(tuned);
        }
        asked.unwrap_or_else(|| {
            let twice = (self.prediction.write_block_seconds * 2.0).clamp(0.0, DAY);
            Duration::from_secs_f64(twice).max(self.prediction.least_budget()).max(LEAST)
        })
    }

    /// The longest that requests may wait for one attempt of a guarded cutover: what the operator has set since, or has
    /// asked for with the plan, or a second.
    pub fn cutover_budget(&self, tuned: Option<u64>) -> Duration {
        tuned.or(self.request.budget_seconds).map_or(CUTOVER, Duration::from_secs)
    }

    /// Refuses a budget in which the write block cannot get to its end, or not back if it does not.
    ///
    /// # Errors
    ///
    /// [`PlanError::Budget`] with the seconds that are needed.
    pub fn check_budget(&self, seconds: u64) -> Result<(), PlanError> {
        let needed = self.prediction.least_budget().as_secs();
        if seconds >= needed {
            return Ok(());
        }
        let predicted = self.prediction.write_block_seconds;
        Err(PlanError::Budget { seconds, predicted, needed })
    }
}

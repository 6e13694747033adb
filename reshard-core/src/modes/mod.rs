//! The tables of the modes: the phases in their order, where writes are refused, and where the way back ends.

mod guarded;
mod rfd103;

use crate::phase::{Sequence, SequenceError};
use crate::plan::{Mode, Plan};

impl Mode {
    /// The phases of a plan of this mode.
    ///
    /// # Errors
    ///
    /// [`SequenceError`] never in fact: every mode is tested for it.
    pub fn sequence(self) -> Result<Sequence, SequenceError> {
        match self {
            Self::Rfd103 => rfd103::sequence(),
            Self::Guarded => guarded::sequence(),
        }
    }
}

impl Plan {
    /// The phases that carry it out, in their order.
    ///
    /// # Errors
    ///
    /// [`SequenceError`] never in fact: every mode is tested for it.
    pub fn sequence(&self) -> Result<Sequence, SequenceError> {
        self.request.mode.sequence()
    }
}

//! The modes: each is a table of phases that says where writes are refused and where the way back ends.

mod rfd103;

use serde::{Deserialize, Serialize};

use crate::phase::{Sequence, SequenceError};

/// A way in which a plan moves vnodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Mode {
    /// The runbook of RFD 103, automated as written: writes are refused by read-only rings, as long as every router takes to
    /// change its ring three times.
    #[default]
    Rfd103,
}

impl Mode {
    /// The phases of a plan of this mode.
    ///
    /// # Errors
    ///
    /// [`SequenceError`] never in fact: every mode is tested for it.
    pub fn sequence(self) -> Result<Sequence, SequenceError> {
        match self {
            Self::Rfd103 => rfd103::sequence(),
        }
    }
}

//! The ways in which plans move vnodes. Their phases are in [`crate::modes`].

use serde::{Deserialize, Serialize};

/// A way in which a plan moves vnodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Mode {
    /// The runbook of RFD 103, automated as written: writes are refused by read-only rings, as long as every router takes to
    /// change its ring three times.
    Rfd103,
    /// Writes are never refused: routers are led to an alias of the source first, and requests wait for a fraction of a second when
    /// what is behind the alias moves, whatever the number of routers.
    #[default]
    Guarded,
}

impl Mode {
    /// The fewest Moray zones with which a new shard's clients notice nothing. In the guarded mode each is restarted while another
    /// serves.
    pub fn fewest_morays(self) -> u32 {
        match self {
            Self::Rfd103 => 1,
            Self::Guarded => 2,
        }
    }
}

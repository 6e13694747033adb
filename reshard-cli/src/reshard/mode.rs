//! The modes of plans, as they are typed.

use clap::ValueEnum;
use reshard_core::Mode;

/// The way in which vnodes move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ModeName {
    /// As RFD 103 says, step by step: writes are refused while all routers change rings three times
    Rfd103,
    /// Nothing is refused: requests wait for a fraction of a second, whatever the number of routers
    #[default]
    Guarded,
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Rfd103 => Self::Rfd103,
            ModeName::Guarded => Self::Guarded,
        }
    }
}

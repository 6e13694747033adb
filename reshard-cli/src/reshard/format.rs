//! The formats in which data are printed.

use clap::ValueEnum;

/// How data are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

impl Format {
    pub(super) fn is_json(self) -> bool {
        self == Self::Json
    }
}

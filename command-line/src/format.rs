//! The formats in which data are printed.

use clap::ValueEnum;

/// A format in which data are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

impl Format {
    /// True for programs.
    pub fn is_json(self) -> bool {
        self == Self::Json
    }
}

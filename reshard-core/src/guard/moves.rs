//! The states of a move.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The number of a move within its databases: the same at its source and at its target, and the key of its advisory lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MoveNumber(i32);

impl MoveNumber {
    /// The move with this number.
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// The number, as SQL has it.
    pub const fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for MoveNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The state of a move at one of its two databases. A source goes `open`, `fenced`, `sealed`, `moved`; a target `closed`, and
/// then `open` or `aborted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MoveState {
    /// Writes pass.
    Open,
    /// Writes are refused until a time at which they pass again by themselves.
    Fenced,
    /// Writes are refused for good, and the log is empty: whether the target opens is the target's to say.
    Sealed,
    /// The rows are the target's.
    Moved,
    /// A target that is not opened yet.
    Closed,
    /// A target that never will be.
    Aborted,
}

impl MoveState {
    const ALL: [Self; 6] =
        [Self::Open, Self::Fenced, Self::Sealed, Self::Moved, Self::Closed, Self::Aborted];

    /// Its name in the table `reshard.move`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Fenced => "fenced",
            Self::Sealed => "sealed",
            Self::Moved => "moved",
            Self::Closed => "closed",
            Self::Aborted => "aborted",
        }
    }
}

impl fmt::Display for MoveState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for MoveState {
    type Err = UnknownMoveState;

    fn from_str(name: &str) -> Result<Self, UnknownMoveState> {
        let found = Self::ALL.into_iter().find(|state| state.name() == name);
        found.ok_or_else(|| UnknownMoveState(name.to_owned()))
    }
}

/// The text is no state of a move.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no state of a move")]
pub struct UnknownMoveState(String);

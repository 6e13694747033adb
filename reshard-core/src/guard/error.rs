//! The errors of the guard and the change log.

use super::commit::CommitError;
use super::moves::{MoveNumber, MoveState};
use super::session::Lease;
use crate::deployment::DatabaseError;
use crate::retryable::Retryable;
use crate::rows::RowsError;

/// The guard could not be set up, changed or asked, or rows could not follow.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// A database did not do what it was asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A COMMIT is not known to be done.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Rows or tables could not be read.
    #[error(transparent)]
    Rows(#[from] RowsError),
    /// Another executor acts for the plan, or none may any more.
    #[error(
        "the plan {} is somebody else's at {host}: epoch {} is not {}", lease.plan,
        found.map_or("none".to_owned(), |epoch| epoch.to_string()), lease.epoch
    )]
    LeaseLost {
        /// The lease that was held.
        lease: Lease,
        /// The server.
        host: String,
        /// The epoch that is there.
        found: Option<i64>,
    },
    /// The schema `reshard` was installed by another version of this library.
    #[error(
        "the schema reshard at {host} is of version {found}; this program has version {expected}"
    )]
    SchemaVersion {
        /// The server.
        host: String,
        /// Its version there.
        found: i32,
        /// The version that this library installs.
        expected: i32,
    },
    /// A move is not in the state that was expected.
    #[error(
        "the move {number} at {host} is {}, not {expected}",
        found.map_or("not there", MoveState::name)
    )]
    State {
        /// The move.
        number: MoveNumber,
        /// The server.
        host: String,
        /// Its state, if there is such a move.
        found: Option<MoveState>,
        /// The state that it should have.
        expected: MoveState,
    },
}

impl Retryable for GuardError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Database(source) => source.may_pass(),
            Self::Rows(source) => source.may_pass(),
            // What is there has to be looked at first, and then it can be done again.
            Self::Commit(_) => true,
            Self::LeaseLost { .. } | Self::SchemaVersion { .. } | Self::State { .. } => false,
        }
    }
}

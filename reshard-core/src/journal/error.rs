//! Errors of plan files.

use rusqlite::ErrorCode;

use super::Presence;
use crate::hint::{Hint, Operation, hint};
use crate::plan::InvalidPlan;
use crate::plan_uuid::PlanUuid;

impl JournalError {
    /// Takes what the database library says of a file.
    pub(super) fn of_sqlite(path: String, source: rusqlite::Error) -> Self {
        let code = source.sqlite_error_code();
        if matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) {
            return Self::Locked { path, source };
        }
        if code == Some(ErrorCode::NotADatabase) {
            return Self::NotAPlan { path };
        }
        Self::Database { path, source }
    }

    /// Advice that goes with the message, if there is any.
    pub fn hint(&self) -> Option<Hint> {
        let make = Operation::MakePlan { source: None };
        match self {
            Self::Missing { .. } | Self::NotAPlan { .. } => Some(hint!(make, " writes one")),
            Self::PlanVersion { .. } => Some(hint!(make, " makes one")),
            Self::InvalidPlan { .. } => Some(hint!(make, " makes another")),
            Self::Database { .. }
            | Self::Locked { .. }
            | Self::Exists { .. }
            | Self::Io { .. }
            | Self::Version { .. }
            | Self::Damaged { .. }
            | Self::Torn { .. }
            | Self::Plan { .. }
            | Self::Overtaken { .. }
            | Self::OtherPlan { .. } => None,
        }
    }
}

/// The journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file does not open, or cannot be read or written.
    #[error("the plan file {path} cannot be read or written")]
    Database {
        /// The file.
        path: String,
        /// The cause.
        source: rusqlite::Error,
    },
    /// Another process is in the middle of a write, and does not get on with it.
    #[error(
        "the plan file {path} is locked by a process that is writing it, and does not get on with it: it may be stopped \
         (state T in `ps`; `kill -CONT` lets it go on), or its disk may hang"
    )]
    Locked {
        /// The file.
        path: String,
        /// The cause.
        source: rusqlite::Error,
    },
    /// The file is something else.
    #[error("{path} is no plan file, or its beginning is damaged")]
    NotAPlan {
        /// The file.
        path: String,
    },
    /// There is no such file.
    #[error("there is no plan file {path}")]
    Missing {
        /// The path at which it was looked for.
        path: String,
    },
    /// The file exists already.
    #[error(
        "there is a file {path} already; choose another name, or remove it if that plan is over"
    )]
    Exists {
        /// The file.
        path: String,
    },
    /// The file's directory cannot be written.
    #[error("cannot write the plan file {path}")]
    Io {
        /// The file.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is of another version of this program.
    #[error("the plan file {path} has version {found}; this program reads version {known}")]
    Version {
        /// The file.
        path: String,
        /// Its version.
        found: i64,
        /// The version that is known.
        known: i64,
    },
    /// The contents are not what this program writes.
    #[error("the plan file {path} is damaged: {what}")]
    Damaged {
        /// The file.
        path: String,
        /// The part that cannot be read.
        what: String,
        /// The cause.
        source: serde_json::Error,
    },
    /// The file is not whole.
    #[error(
        "the plan file {path} is damaged: {problem}; if it is a copy, copy it again, with {path}-journal if there is one \
         beside the original"
    )]
    Torn {
        /// The file.
        path: String,
        /// The problem with it.
        problem: String,
    },
    /// The plan is of another version of this program.
    #[error(
        "the plan in {path} is of version {found}, and this program carries out version {known}"
    )]
    PlanVersion {
        /// The file.
        path: String,
        /// The plan's version.
        found: u32,
        /// The version that is carried out.
        known: u32,
    },
    /// There is no plan in it, or its hash is wrong.
    #[error("the plan in {path} is not the one that was made: {problem}")]
    Plan {
        /// The file.
        path: String,
        /// The problem.
        problem: String,
    },
    /// The parts of the plan do not fit each other.
    #[error("the plan in {path} cannot be carried out")]
    InvalidPlan {
        /// The file.
        path: String,
        /// The part that does not fit.
        source: InvalidPlan,
    },
    /// Another executor has taken the plan over, so this one may not write any more.
    #[error(
        "another executor has taken over the plan in {path}: {by}, since {}", by.since
    )]
    Overtaken {
        /// The file.
        path: String,
        /// The other one.
        by: Box<Presence>,
    },
    /// The plan is another one.
    #[error("{path} has the plan {found}, not {wanted}")]
    OtherPlan {
        /// The file.
        path: String,
        /// Its plan.
        found: PlanUuid,
        /// The one that was expected.
        wanted: PlanUuid,
    },
}

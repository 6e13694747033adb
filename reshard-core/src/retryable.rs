//! Errors that tell whether they may go away by themselves.

use manatee_client::{DumpLockError, LockError, PostgresError, ShardError, ZooKeeperError};
use sapi_client::imgapi::ImportError;

use crate::deployment::{DatabaseError, DeploymentError, ZoneCommandError};
use crate::hint::{Hint, Operation, hint};
use crate::region::is_of_the_moment;

/// The remedy where nothing better is known.
pub(crate) fn look() -> Hint {
    hint!("see what the message says; when it is fixed, ", Operation::Resume)
}

/// The exit statuses of a shell that cannot run a program.
const NO_PROGRAM: [i64; 2] = [126, 127];

/// An error that tells whether it may go away by itself, and what to do if not.
pub trait Retryable {
    /// Tells whether trying again, having looked what is there, can help.
    fn is_retryable(&self) -> bool;

    /// The remedy: what an operator can do about it, where more is known than the message says.
    fn remedy(&self) -> Hint {
        look()
    }
}

impl Retryable for sapi_client::Error {
    fn is_retryable(&self) -> bool {
        // A 500 does not tell its cause, and is mostly of the moment: the database behind an API changes its primary. What
        // is tried again looks first what is there.
        let failed = self.status().is_some_and(|status| status >= 500);
        failed || self.is_retryable() || self.outcome_unknown()
    }
}

impl Retryable for ShardError {
    fn is_retryable(&self) -> bool {
        self.is_retryable() || self.outcome_unknown()
    }
}

impl Retryable for ZooKeeperError {
    fn is_retryable(&self) -> bool {
        self.is_retryable() || self.outcome_unknown()
    }
}

impl Retryable for PostgresError {
    fn is_retryable(&self) -> bool {
        match self {
            Self::At { source, .. } => source.is_retryable(),
            Self::Timeout { .. } | Self::Connection { .. } => true,
            Self::Refused { code, .. } => is_of_the_moment(code),
            // An answer that cannot be read is the same the next time.
            Self::Answer { .. } | _ => false,
        }
    }
}

impl Retryable for ZoneCommandError {
    fn is_retryable(&self) -> bool {
        match self {
            Self::NotRun { source, .. } => source.is_retryable(),
            Self::NotBegun { is_retryable, .. } => *is_retryable,
            // Scripts can be run again, and most failures in zones are of the moment; not a program that is not there.
            Self::Failed { exit_code, .. } => !NO_PROGRAM.contains(exit_code),
            Self::UnknownDatacenter { .. } | Self::NoScript(_) => false,
        }
    }
}

impl Retryable for DeploymentError {
    fn is_retryable(&self) -> bool {
        matches!(self, Self::ZooKeeper(error) if error.is_retryable())
    }
}

impl Retryable for LockError {
    fn is_retryable(&self) -> bool {
        matches!(self, Self::ZooKeeper { source, .. } if source.is_retryable())
    }
}

impl Retryable for DumpLockError {
    fn is_retryable(&self) -> bool {
        matches!(self, Self::ZooKeeper(source) if source.is_retryable())
    }
}

impl Retryable for ImportError {
    fn is_retryable(&self) -> bool {
        matches!(self, Self::Call { source, .. } if source.is_retryable())
    }
}

impl Retryable for std::io::Error {
    fn is_retryable(&self) -> bool {
        false
    }
}

impl Retryable for DatabaseError {
    fn is_retryable(&self) -> bool {
        self.is_retryable()
    }
}

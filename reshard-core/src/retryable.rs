//! Errors that tell whether they may go away by themselves.

use manatee_client::{
    DumpLockError, LockError, PostgresError, ShardError, SwitchError, ZooKeeperError,
};
use sapi_client::imgapi::ImportError;

use crate::deployment::{DatabaseError, DeploymentError, ZoneCommandError};
use crate::hint::{Hint, Operation, hint};
use crate::region::is_of_the_moment;

/// The remedy where nothing better is known.
pub(crate) fn look() -> Hint {
    hint!("fix what the message names; then ", Operation::Resume)
}

/// The exit statuses of a shell that cannot run a program.
const NO_PROGRAM: [i64; 2] = [126, 127];

/// An error that tells whether it may go away by itself, and what to do if not.
pub trait Retryable {
    /// Tells whether trying again, having looked what is there, can help.
    fn may_pass(&self) -> bool;

    /// The remedy: what an operator can do about it, where more is known than the message says.
    fn remedy(&self) -> Hint {
        look()
    }
}

impl Retryable for sapi_client::Error {
    fn may_pass(&self) -> bool {
        // A 500 does not tell its cause, and is mostly of the moment: the database behind an API changes its primary. What
        // is tried again looks first what is there.
        let failed = self.status().is_some_and(|status| status >= 500);
        failed || self.is_retryable() || self.outcome_unknown()
    }
}

impl Retryable for ShardError {
    fn may_pass(&self) -> bool {
        self.is_retryable() || self.outcome_unknown()
    }
}

impl Retryable for SwitchError {
    fn may_pass(&self) -> bool {
        match self {
            Self::ZooKeeper { source, .. } => source.may_pass(),
            Self::Contended { .. } => true,
            Self::State { .. }
            | Self::Election { .. }
            | Self::NotLeading { .. }
            | Self::LockLost { .. }
            | _ => false,
        }
    }

    fn remedy(&self) -> Hint {
        let Self::ZooKeeper { path, source: ZooKeeperError::NotEmpty { path: full } } = self else {
            return look();
        };
        let text = format!(
            "nothing but plans writes below {path} in ZooKeeper: find out who did, and remove what is in the way there \
             (`deleteall {full}` in zkCli.sh); then "
        );
        hint!(text, Operation::Resume)
    }
}

impl Retryable for ZooKeeperError {
    fn may_pass(&self) -> bool {
        self.is_retryable() || self.outcome_unknown()
    }
}

impl Retryable for PostgresError {
    fn may_pass(&self) -> bool {
        match self {
            Self::At { source, .. } => source.may_pass(),
            Self::Timeout { .. } | Self::Connection { .. } => true,
            Self::Refused { code, .. } => is_of_the_moment(code),
            // An answer that cannot be read is the same the next time.
            Self::Answer { .. } | _ => false,
        }
    }
}

impl Retryable for ZoneCommandError {
    fn may_pass(&self) -> bool {
        match self {
            Self::NotRun { source, .. } => source.may_pass(),
            Self::NotBegun { may_pass, .. } => *may_pass,
            // Scripts can be run again, and most failures in zones are of the moment; not a program that is not there.
            Self::Failed { exit_code, .. } => !NO_PROGRAM.contains(exit_code),
            Self::UnknownDatacenter { .. } | Self::NoScript(_) => false,
        }
    }
}

impl Retryable for DeploymentError {
    fn may_pass(&self) -> bool {
        matches!(self, Self::ZooKeeper(error) if error.may_pass())
    }
}

impl Retryable for LockError {
    fn may_pass(&self) -> bool {
        matches!(self, Self::ZooKeeper { source, .. } if source.may_pass())
    }
}

impl Retryable for DumpLockError {
    fn may_pass(&self) -> bool {
        matches!(self, Self::ZooKeeper(source) if source.may_pass())
    }
}

impl Retryable for ImportError {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Call { source, .. } if source.may_pass())
    }
}

impl Retryable for std::io::Error {
    fn may_pass(&self) -> bool {
        false
    }
}

impl Retryable for DatabaseError {
    fn may_pass(&self) -> bool {
        self.is_retryable()
    }
}

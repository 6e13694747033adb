//! Writes that only the holder of a lock may make.

use crate::error::ZooKeeperError;
use crate::wire::Op;

/// The record of a held lock, at the version that its holder wrote. A transaction with its check in it fails once somebody else
/// has taken the lock.
#[derive(Clone, Debug)]
pub(crate) struct Fence {
    pub(crate) path: String,
    pub(crate) version: i32,
}

impl Fence {
    pub(crate) fn check(&self) -> Op {
        Op::Check { path: self.path.clone(), version: self.version }
    }

    /// Tells whether the transaction failed because of the check.
    pub(crate) fn failed(&self, error: &ZooKeeperError) -> bool {
        matches!(
            error,
            ZooKeeperError::BadVersion { path } | ZooKeeperError::NoNode { path } if *path == self.path
        )
    }
}

//! The errors of switches.

use crate::error::ZooKeeperError;
use crate::state::StateError;

/// A switch cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SwitchError {
    /// ZooKeeper failed.
    #[error("the switch {path} cannot be read or changed")]
    ZooKeeper {
        /// The switch.
        path: String,
        /// The cause.
        source: ZooKeeperError,
    },
    /// A state that is there, or is to be written, is none.
    #[error("{path} has, or would get, a state that leads nobody anywhere")]
    State {
        /// The node.
        path: String,
        /// The cause.
        source: StateError,
    },
    /// There is not one child in `election`, which is where Morays go when there is no `state`.
    #[error("{path} has {found} children, and has to have one")]
    Election {
        /// The directory.
        path: String,
        /// The number of children.
        found: usize,
    },
    /// The switch is shut, or is not there.
    #[error("the switch {path} does not lead anywhere")]
    NotLeading {
        /// The switch.
        path: String,
    },
    /// Somebody else changed it meanwhile, or the session that shut it has ended.
    #[error("the switch {path} was changed by somebody else meanwhile")]
    Contended {
        /// The switch.
        path: String,
    },
    /// The lock that the writes were fenced with is somebody else's.
    #[error("the switch {path} is not changed: another executor has taken over")]
    LockLost {
        /// The switch.
        path: String,
    },
}

impl SwitchError {
    /// Tells whether the change may have happened all the same.
    pub fn outcome_unknown(&self) -> bool {
        matches!(self, Self::ZooKeeper { source, .. } if source.outcome_unknown())
    }
}

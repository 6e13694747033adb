//! The errors of ZooKeeper.

use std::time::Duration;

/// The cause of an error, of whichever library made it.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// An operation on ZooKeeper failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZooKeeperError {
    /// The list of servers cannot be read.
    #[error(
        "{text:?} is not a list of ZooKeeper servers; one looks like 10.0.0.1:2181,10.0.0.2:2181"
    )]
    BadServers {
        /// The text that was given.
        text: String,
    },
    /// No session could be made in time.
    #[error("no session with the servers {servers}")]
    Connect {
        /// The list of servers.
        servers: String,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// There is no such node.
    #[error("{path} does not exist in ZooKeeper")]
    NoNode {
        /// The node.
        path: String,
    },
    /// There is such a node already.
    #[error("{path} exists in ZooKeeper already")]
    NodeExists {
        /// The node.
        path: String,
    },
    /// Somebody else changed the node in between.
    #[error("{path} was changed in ZooKeeper by somebody else meanwhile")]
    BadVersion {
        /// The node.
        path: String,
    },
    /// The node cannot be deleted.
    #[error("{path} has children in ZooKeeper")]
    NotEmpty {
        /// The node.
        path: String,
    },
    /// The session is over, with everything ephemeral it made. Connect anew.
    #[error("the ZooKeeper session is over; its ephemeral nodes are gone")]
    SessionExpired,
    /// The connection broke before the answer came.
    #[error("the connection to ZooKeeper broke during an operation on {path}")]
    ConnectionLoss {
        /// The node.
        path: String,
    },
    /// No answer came in time.
    #[error("ZooKeeper did not answer an operation on {path} within {after:?}")]
    Timeout {
        /// The node.
        path: String,
        /// The time that it was waited for.
        after: Duration,
    },
    /// The server sent something that is not the protocol.
    #[error("the ZooKeeper server sent an answer that makes no sense: {what}")]
    Protocol {
        /// The problem with it.
        what: &'static str,
    },
    /// Anything else that ZooKeeper refuses.
    #[error("ZooKeeper refused an operation on {path}")]
    Refused {
        /// The node.
        path: String,
        /// The reason.
        #[source]
        source: Cause,
    },
}

impl ZooKeeperError {
    /// Tells whether the operation may have happened all the same. Read before repeating it.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::ConnectionLoss { .. } | Self::Timeout { .. } | Self::Protocol { .. } => true,
            Self::BadServers { .. }
            | Self::Connect { .. }
            | Self::NoNode { .. }
            | Self::NodeExists { .. }
            | Self::BadVersion { .. }
            | Self::NotEmpty { .. }
            | Self::SessionExpired
            | Self::Refused { .. } => false,
        }
    }

    /// Tells whether the same call may succeed later: servers without a leader, broken connections.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::ConnectionLoss { .. } | Self::Timeout { .. } => true,
            Self::BadServers { .. }
            | Self::NoNode { .. }
            | Self::NodeExists { .. }
            | Self::BadVersion { .. }
            | Self::NotEmpty { .. }
            | Self::SessionExpired
            | Self::Protocol { .. }
            | Self::Refused { .. } => false,
        }
    }

    /// Tells whether a new session is needed.
    pub fn is_expired(&self) -> bool {
        matches!(self, Self::SessionExpired)
    }

    pub(crate) fn is_no_node(&self) -> bool {
        matches!(self, Self::NoNode { .. })
    }

    pub(crate) fn is_node_exists(&self) -> bool {
        matches!(self, Self::NodeExists { .. })
    }

    pub(crate) fn is_bad_version(&self) -> bool {
        matches!(self, Self::BadVersion { .. })
    }
}

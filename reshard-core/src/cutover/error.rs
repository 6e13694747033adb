//! The errors of a cutover.

use manatee_client::{BadPgUrl, ShardError, ShardName, SwitchError, ZooKeeperError};

use super::sessions::MoraySessions;
use crate::guard::{GuardError, IdentityChange};
use crate::retryable::Retryable;

/// A cutover was given up, or could not be finished.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CutoverError {
    /// The guard, the log or the rows.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The switch.
    #[error(transparent)]
    Switch(#[from] SwitchError),
    /// A shard's state cannot be read.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// No session to shut the switch through.
    #[error("no session with ZooKeeper to shut the switch through")]
    ZooKeeper(#[source] ZooKeeperError),
    /// A shard's peer has no address.
    #[error("a peer of {shard} has no address")]
    Endpoint {
        /// The shard.
        shard: ShardName,
        /// The cause.
        source: BadPgUrl,
    },
    /// A takeover is possible.
    #[error("{shard} is not frozen: a takeover in the middle could not be told from none")]
    NotFrozen {
        /// The shard.
        shard: ShardName,
    },
    /// A shard has another primary than the one that is connected to, or the primary another database.
    #[error("{shard} is not what it was when the rows were compared")]
    Identity {
        /// The shard.
        shard: ShardName,
        /// The difference.
        source: IdentityChange,
    },
    /// The switch does not lead to the source.
    #[error("the switch {path} does not lead to the source: {found}")]
    SwitchElsewhere {
        /// The switch.
        path: String,
        /// The place that it leads to.
        found: String,
    },
    /// The Morays of the name are not all where they have to be.
    #[error("the sessions of the moving name's Morays are not where they have to be: {sessions}")]
    Sessions {
        /// The sessions that were seen.
        sessions: MoraySessions,
    },
    /// The log was not drained in time.
    #[error("{entries} entries were replayed, and the log is not empty yet")]
    NotDrained {
        /// The entries that were replayed.
        entries: u64,
    },
    /// Rows differ.
    #[error(
        "{count} of the rows that were written last are not the same at source and target, such as {bucket} {key:?}"
    )]
    Different {
        /// The number of rows.
        count: usize,
        /// The bucket of one of them.
        bucket: String,
        /// Its key.
        key: String,
    },
    /// The standby of the source does not have the fence.
    #[error("the standby of {shard} has not heard of the fence in time")]
    StandbyBehind {
        /// The source.
        shard: ShardName,
    },
    /// The budget is over.
    #[error("the budget is over before the source is sealed")]
    OverBudget,
    /// It was sealed, and what then failed leaves open who serves: [`finish`](super::finish) settles it.
    #[error(
        "the source is sealed, or may be, and the cutover is not at its end: it has to be finished"
    )]
    Unfinished {
        /// The step that failed.
        step: &'static str,
        /// The cause.
        #[source]
        source: Box<CutoverError>,
    },
}

impl Retryable for CutoverError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Guard(error) => error.may_pass(),
            Self::Switch(error) => error.may_pass(),
            Self::Shard(error) => error.may_pass(),
            Self::ZooKeeper(_)
            | Self::Sessions { .. }
            | Self::NotDrained { .. }
            | Self::StandbyBehind { .. }
            | Self::OverBudget
            | Self::Unfinished { .. } => true,
            Self::Endpoint { .. }
            | Self::NotFrozen { .. }
            | Self::Identity { .. }
            | Self::SwitchElsewhere { .. }
            | Self::Different { .. } => false,
        }
    }
}

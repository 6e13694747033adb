//! The errors of locks.

use super::LockRecord;
use crate::error::ZooKeeperError;
use crate::printable::printable;

/// A lock cannot be had, kept or looked at.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Directory and name make no path.
    #[error("{path:?} is no place for a lock in ZooKeeper")]
    BadName {
        /// The path that they make.
        path: String,
    },
    /// Somebody holds it.
    #[error("the lock {lock} is held by {}", described(record))]
    Held {
        /// The lock's node.
        lock: String,
        /// The record of its holder.
        record: LockRecord,
    },
    /// Its holder died without releasing it.
    #[error(
        "the lock {lock} was left behind by {}, whose session is over: find out what is half done before taking it over",
        described(record)
    )]
    Abandoned {
        /// The lock's node.
        lock: String,
        /// The record of its holder.
        record: LockRecord,
    },
    /// It was this holder's, and somebody has taken it over.
    #[error("the lock {lock} was taken over by somebody else")]
    Lost {
        /// The lock's node.
        lock: String,
    },
    /// A note beside it was written by somebody else.
    #[error("{path} has been written since it was read")]
    NoteChanged {
        /// The note's node.
        path: String,
    },
    /// Others changed it all the time.
    #[error("the lock {lock} changes too fast: {attempts} attempts to take it lost to others")]
    Contention {
        /// The lock's node.
        lock: String,
        /// The number of attempts.
        attempts: u32,
    },
    /// The node's content is no record of a lock.
    #[error("the record of the lock {lock} cannot be read or written")]
    BadRecord {
        /// The lock's node.
        lock: String,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// ZooKeeper failed.
    #[error("cannot reach the lock {lock}")]
    ZooKeeper {
        /// The lock's node.
        lock: String,
        /// The cause.
        #[source]
        source: ZooKeeperError,
    },
}

fn described(record: &LockRecord) -> String {
    let owner = printable(record.owner.as_deref().unwrap_or("somebody who is just taking it"));
    match &record.since {
        Some(since) => format!("{owner} since {since} (token {})", record.token),
        None => owner,
    }
}

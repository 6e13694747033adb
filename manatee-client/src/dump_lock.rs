//! The lock that keeps the nightly dumps away.
//!
//! Dump scripts look once, after their snapshot, whether `/pg_dump_lock` exists, and give up if it does. It is one node for all
//! shards, its content is ignored, and a dump that runs already is not stopped by it. Here the node holds the list of those who
//! want no dumps; it is changed by compare-and-set and goes with the last of them. `/manta_reshard/dump_lock` counts the changes.
//! It is persistent, because a lock that died with a session would let dumps start in the middle of what it protects.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::coordination::Session;
use crate::error::ZooKeeperError;
use crate::fence::Fence;
use crate::freeze_mark::to_iso;
use crate::lock::HeldLock;
use crate::transaction::UNANSWERED;
use crate::wire::Op;

/// The node that the dump scripts look for.
const PATH: &str = "/pg_dump_lock";
/// The node whose version grows with every change of the lock. The lock's own begins anew whenever it is recreated, so that a change
/// that was decided upon an earlier one could pass for one of the present.
const CHANGES: &str = "/manta_reshard/dump_lock";
/// The number of times that a change is tried while others change the list.
const ATTEMPTS: u32 = 100;

/// Somebody who wants no dumps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpLockHolder {
    /// The holder, e.g. a plan's UUID.
    pub owner: String,
    /// Since when, ISO 8601.
    pub since: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    holders: Vec<DumpLockHolder>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// The lock as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DumpLockState {
    /// Dumps may start.
    Free,
    /// Held by these.
    Held(Vec<DumpLockHolder>),
    /// Made by hand, with other content. Dumps do not start, and only whoever made it can tell when they may.
    Foreign {
        /// The content.
        content: String,
    },
}

/// The lock that keeps the nightly dumps of all shards away.
#[derive(Clone, Debug)]
pub struct DumpLock {
    session: Session,
    fence: Option<Fence>,
}

impl DumpLock {
    /// The lock of the ZooKeeper servers that the session is with.
    pub fn new(session: Session) -> Self {
        Self { session, fence: None }
    }

    /// The same lock, whose changes fail with [`DumpLockError::LockLost`] once somebody else has taken over this one. Without
    /// it, a holder that slept could release what its heir, under the same owner, relies on.
    #[must_use]
    pub fn fenced_by(mut self, lock: &HeldLock) -> Self {
        self.fence = Some(lock.fence());
        self
    }

    /// The holders of the lock.
    ///
    /// # Errors
    ///
    /// [`DumpLockError::ZooKeeper`].
    pub async fn state(&self) -> Result<DumpLockState, DumpLockError> {
        let node = self.session.read(PATH).await.map_err(DumpLockError::ZooKeeper)?;
        Ok(match node {
            None => DumpLockState::Free,
            Some(node) => match serde_json::from_slice::<Content>(&node.data) {
                Ok(content) => DumpLockState::Held(content.holders),
                Err(_) => {
                    let content = String::from_utf8_lossy(&node.data).into_owned();
                    DumpLockState::Foreign { content }
                }
            },
        })
    }

    /// Adds an owner to the holders. Doing so twice is the same as once.
    ///
    /// # Errors
    ///
    /// [`DumpLockError::Foreign`] if the lock was made by hand, [`DumpLockError::LockLost`], [`DumpLockError::ZooKeeper`],
    /// [`DumpLockError::Contention`].
    pub async fn acquire(&self, owner: &str, since: Timestamp) -> Result<(), DumpLockError> {
        let me = DumpLockHolder { owner: owner.to_owned(), since: to_iso(since) };
        self.change(|holders| {
            if holders.iter().all(|holder| holder.owner != me.owner) {
                holders.push(me.clone());
            }
        })
        .await
    }

    /// Takes an owner off the holders, and the lock away if that was the last. Doing so twice is the same as once.
    ///
    /// # Errors
    ///
    /// As [`DumpLock::acquire`].
    pub async fn release(&self, owner: &str) -> Result<(), DumpLockError> {
        self.change(|holders| holders.retain(|holder| holder.owner != owner)).await
    }

    async fn change(&self, change: impl Fn(&mut Vec<DumpLockHolder>)) -> Result<(), DumpLockError> {
        let mut unanswered = 0;
        for _ in 0..ATTEMPTS {
            match self.try_change(&change).await {
                Ok(()) => return Ok(()),
                // Somebody else changed the list.
                Err(DumpLockError::ZooKeeper(error))
                    if error.is_bad_version() || error.is_no_node() || error.is_node_exists() => {}
                // Looked up by doing it again, once the servers are back: nothing happens twice.
                Err(DumpLockError::ZooKeeper(error))
                    if error.outcome_unknown() && unanswered + 1 < UNANSWERED =>
                {
                    unanswered += 1;
                    tracing::debug!(%error, "changing the dump lock again");
                    self.session.sync().await.map_err(DumpLockError::ZooKeeper)?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(DumpLockError::Contention { attempts: ATTEMPTS })
    }

    /// The version of the node that counts changes, which is made if it is not there.
    async fn changes(&self) -> Result<i32, ZooKeeperError> {
        if let Some(node) = self.session.read(CHANGES).await? {
            return Ok(node.version);
        }
        self.session.make_directory(CHANGES).await?;
        let made = self.session.read(CHANGES).await?;
        made.map(|node| node.version)
            .ok_or_else(|| ZooKeeperError::NoNode { path: CHANGES.to_owned() })
    }

    async fn try_change(
        &self,
        change: impl Fn(&mut Vec<DumpLockHolder>),
    ) -> Result<(), DumpLockError> {
        // First, so that whatever changes the lock after it was read is noticed.
        let changes = self.changes().await.map_err(DumpLockError::ZooKeeper)?;
        let node = self.session.read(PATH).await.map_err(DumpLockError::ZooKeeper)?;
        let (mut content, version) = match &node {
            None => (Content { holders: Vec::new(), other: Map::new() }, None),
            Some(node) => match serde_json::from_slice::<Content>(&node.data) {
                Ok(content) => (content, Some(node.version)),
                Err(source) => {
                    let content = String::from_utf8_lossy(&node.data).into_owned();
                    return Err(DumpLockError::Foreign { content, reason: source });
                }
            },
        };
        let before = content.holders.clone();
        change(&mut content.holders);
        if content.holders == before && (version.is_none() || !before.is_empty()) {
            return Ok(());
        }
        let data = serde_json::to_vec(&content).map_err(DumpLockError::Json)?;
        let path = PATH.to_owned();
        let write = match version {
            None => Op::Create { path, data, sequential: false },
            Some(version) if content.holders.is_empty() => Op::Delete { path, version },
            Some(version) => Op::Set { path, data, version },
        };
        let check = self.fence.as_ref().map(Fence::check);
        let change = Op::Set { path: CHANGES.to_owned(), data: Vec::new(), version: changes };
        let ops = check.into_iter().chain([change, write]).collect();
        self.session.transaction(ops).await.map_err(|error| match &self.fence {
            Some(fence) if fence.failed(&error) => {
                DumpLockError::LockLost { lock: fence.path.clone() }
            }
            _ => DumpLockError::ZooKeeper(error),
        })?;
        tracing::info!(holders = content.holders.len(), "dump lock changed");
        Ok(())
    }
}

/// The dump lock cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum DumpLockError {
    /// Somebody made it by hand.
    #[error(
        "{PATH} was made by hand ({content:?}): ask who made it, and delete it when it is not needed any more"
    )]
    Foreign {
        /// Its content.
        content: String,
        /// The reason for which it is no list of holders. No source: whoever wrote it by hand wrote no JSON.
        reason: serde_json::Error,
    },
    /// The lock that the changes were fenced with is somebody else's.
    #[error("{PATH} was not changed: the lock {lock} was taken over by somebody else")]
    LockLost {
        /// The lock's node.
        lock: String,
    },
    /// Others changed it all the time.
    #[error("{PATH} changes too fast: {attempts} attempts to change it lost to others")]
    Contention {
        /// The number of attempts.
        attempts: u32,
    },
    /// The list of holders could not be written as JSON.
    #[error("cannot write the holders of {PATH}")]
    Json(#[source] serde_json::Error),
    /// ZooKeeper failed.
    #[error("cannot read or change {PATH}")]
    ZooKeeper(#[source] ZooKeeperError),
}

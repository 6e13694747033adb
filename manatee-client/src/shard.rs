//! One shard in ZooKeeper.

use jiff::Timestamp;

use crate::coordination::Node;
use crate::coordination::Session;
use crate::coordination::Watch;
use crate::error::ZooKeeperError;
use crate::fence::Fence;
use crate::freeze_mark::UNNAMED_OWNER;
use crate::id::ShardName;
use crate::lock::HeldLock;
use crate::printable::printable;
use crate::state::{ClusterState, StateError};

/// The place of every shard's directory. manatee-adm knows no other place.
const ROOT: &str = "/manatee";

/// A shard, read and written directly in ZooKeeper.
///
/// Reading, watching and the election are safe at any time. Every write compares and sets, checks that the sitters can live
/// with the state and that it may follow the one before, and adds a history entry in the same transaction.
#[derive(Clone, Debug)]
pub struct Shard {
    pub(crate) session: Session,
    pub(crate) name: ShardName,
    pub(crate) fence: Option<Fence>,
}

/// A cluster state, and which write it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredState {
    /// The state.
    pub state: ClusterState,
    /// The number of times that the node was written since it was made: 0 for a state never changed. Writes compare it.
    pub version: i32,
}

impl Shard {
    /// The shard with this name. Nothing is read yet.
    pub fn new(session: Session, name: ShardName) -> Self {
        Self { session, name, fence: None }
    }

    /// The same shard, whose writes fail with [`ShardError::LockLost`] once somebody else has taken over the lock, however
    /// late they arrive.
    #[must_use]
    pub fn fenced_by(mut self, lock: &HeldLock) -> Self {
        self.fence = Some(lock.fence());
        self
    }

    /// Its name.
    pub fn name(&self) -> &ShardName {
        &self.name
    }

    /// The session it is read and written with.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The shards that have a directory, in the order of their names. Some may have no state.
    ///
    /// # Errors
    ///
    /// [`ZooKeeperError`] if the servers do not answer.
    pub async fn list(session: &Session) -> Result<Vec<ShardName>, ZooKeeperError> {
        let names = session.children(ROOT).await?.unwrap_or_default();
        // A name that is none cannot come from a sitter that manatee-adm can find.
        let mut names: Vec<ShardName> = names.iter().filter_map(|name| name.parse().ok()).collect();
        names.sort();
        Ok(names)
    }

    pub(crate) fn path(&self, below: &str) -> String {
        format!("{ROOT}/{}{below}", self.name)
    }

    pub(crate) fn state_path(&self) -> String {
        self.path("/state")
    }

    pub(crate) fn fail(&self, source: ZooKeeperError) -> ShardError {
        ShardError::ZooKeeper { shard: self.name.clone(), source }
    }

    /// The state now; `None` if the shard has none. Then do not fall back on the election: that order says nothing about who
    /// holds data.
    ///
    /// # Errors
    ///
    /// [`ShardError::BadState`] if the sitters could not read it either, [`ShardError::ZooKeeper`].
    pub async fn read(&self) -> Result<Option<StoredState>, ShardError> {
        let node = self.session.read(&self.state_path()).await.map_err(|error| self.fail(error))?;
        node.map(|node| self.parse(&node)).transpose()
    }

    /// The state now.
    ///
    /// # Errors
    ///
    /// As [`Shard::read`], and [`ShardError::NoState`] if there is none.
    pub async fn read_existing(&self) -> Result<StoredState, ShardError> {
        self.read().await?.ok_or_else(|| ShardError::NoState { shard: self.name.clone() })
    }

    /// The bytes of the state, whatever they are: for the case that nothing can parse them.
    ///
    /// # Errors
    ///
    /// [`ShardError::ZooKeeper`].
    pub async fn read_raw(&self) -> Result<Option<Vec<u8>>, ShardError> {
        let node = self.session.read(&self.state_path()).await.map_err(|error| self.fail(error))?;
        Ok(node.map(|node| node.data))
    }

    pub(crate) fn parse(&self, node: &Node) -> Result<StoredState, ShardError> {
        let state = ClusterState::from_json(&node.data)
            .map_err(|source| ShardError::BadState { shard: self.name.clone(), source })?;
        Ok(StoredState { state, version: node.version })
    }

    /// Watches the state from its present value on.
    pub fn watch(&self) -> StateWatch {
        StateWatch { shard: self.clone(), pending: None }
    }
}

/// The states of a shard, the present one first. Made by [`Shard::watch`].
///
/// States written in quick succession may be skipped, the latest never is. A state that is deleted is told as `None`; running
/// sitters do not notice that. Dropping the future of [`StateWatch::next`], as `tokio::select!` does, loses no state and tells
/// none twice.
#[derive(Debug)]
pub struct StateWatch {
    shard: Shard,
    pending: Option<Watch>,
}

impl StateWatch {
    /// The present state at the first call; then waits for each following one. May be called again after any error but an
    /// expired session, after which a new watch on a new session is needed.
    ///
    /// # Errors
    ///
    /// As [`Shard::read`].
    pub async fn next(&mut self) -> Result<Option<StoredState>, ShardError> {
        if let Some(watch) = &mut self.pending {
            let fired = watch.fired().await;
            self.pending = None;
            fired.map_err(|error| self.shard.fail(error))?;
        }
        let path = self.shard.state_path();
        let read = self.shard.session.read_and_watch(&path).await;
        let (node, watch) = read.map_err(|error| self.shard.fail(error))?;
        self.pending = Some(watch);
        node.map(|node| self.shard.parse(&node)).transpose()
    }
}

/// Something about a shard failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShardError {
    /// There is no state. The words are manatee-adm's.
    #[error("no state object exists for shard: \"{shard}\"")]
    NoState {
        /// The shard.
        shard: ShardName,
    },
    /// There is a state, and no sitter can live with it.
    #[error("the state of shard {shard} kills its sitters; repair it by hand")]
    BadState {
        /// The shard.
        shard: ShardName,
        /// The problem.
        #[source]
        source: StateError,
    },
    /// The state to be written was refused before it was sent.
    #[error("nothing was written to shard {shard}: its sitters could not live with the new state")]
    Unsafe {
        /// The shard.
        shard: ShardName,
        /// The problem.
        #[source]
        source: StateError,
    },
    /// The state to be written must not follow the one that is there.
    #[error("nothing was written to shard {shard}: the new state must not follow the present one")]
    Illegal {
        /// The shard.
        shard: ShardName,
        /// The cause.
        #[source]
        source: crate::transition::IllegalTransition,
    },
    /// Somebody else wrote the state meanwhile.
    #[error(
        "the state of shard {shard} is not at version {expected} any more: somebody else wrote it"
    )]
    Conflict {
        /// The shard.
        shard: ShardName,
        /// The version that the write was for.
        expected: i32,
    },
    /// A new shard has a state already, and another one.
    #[error("shard {shard} has a state already, and it is not the one to be established")]
    AlreadyEstablished {
        /// The shard.
        shard: ShardName,
    },
    /// The shard is not removed: peers are announced, or it has nodes that are not Manatee's.
    #[error(
        "shard {shard} is in use: peers are announced in its election, or there is more below its directory"
    )]
    InUse {
        /// The shard.
        shard: ShardName,
    },
    /// The lock that the writes were fenced with is somebody else's.
    #[error(
        "nothing was written to shard {shard}: the lock {lock} was taken over by somebody else"
    )]
    LockLost {
        /// The shard.
        shard: ShardName,
        /// The lock's node.
        lock: String,
    },
    /// The shard is frozen by somebody else.
    #[error("shard {shard} is frozen by {}: {}", printable(.owner.as_deref().unwrap_or(UNNAMED_OWNER)), printable(reason))]
    FrozenByOther {
        /// The shard.
        shard: ShardName,
        /// The one who froze it, if the freeze says so.
        owner: Option<String>,
        /// The reason.
        reason: String,
    },
    /// The change was tried for a long time, and somebody else always wrote first.
    #[error(
        "the state of shard {shard} changes too fast: {attempts} attempts to write it lost to others"
    )]
    Contention {
        /// The shard.
        shard: ShardName,
        /// The number of attempts.
        attempts: u32,
    },
    /// A node below the shard has content that cannot be read.
    #[error("{path} of shard {shard} cannot be read")]
    BadNode {
        /// The shard.
        shard: ShardName,
        /// The node.
        path: String,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// ZooKeeper failed.
    #[error("cannot reach the state of shard {shard}")]
    ZooKeeper {
        /// The shard.
        shard: ShardName,
        /// The cause.
        #[source]
        source: ZooKeeperError,
    },
}

impl ShardError {
    /// Tells whether a write may have happened all the same.
    pub fn outcome_unknown(&self) -> bool {
        self.zookeeper().is_some_and(ZooKeeperError::outcome_unknown)
    }

    /// Tells whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Contention { .. } | Self::InUse { .. })
            || self.zookeeper().is_some_and(ZooKeeperError::is_retryable)
    }

    /// Tells whether a new session is needed.
    pub fn is_expired(&self) -> bool {
        self.zookeeper().is_some_and(ZooKeeperError::is_expired)
    }

    fn zookeeper(&self) -> Option<&ZooKeeperError> {
        if let Self::ZooKeeper { source, .. } = self { Some(source) } else { None }
    }
}

/// The time of a node, in milliseconds since 1970.
pub(crate) fn node_time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

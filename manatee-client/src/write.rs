//! Writing a shard's state: compare and set, with a history entry in the same transaction.

use std::time::Duration;

use crate::error::ZooKeeperError;
use crate::shard::{Shard, ShardError, StoredState};
use crate::state::ClusterState;
use crate::transaction::UNANSWERED;
use crate::transition::check_transition;
use crate::wire::Op;

/// The number of times that [`Shard::update`] tries before it gives up. Others write a shard's state a few times a day.
const ATTEMPTS: u32 = 100;
/// Writers that lost wait up to this long, so that they do not always lose to each other.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// The way in which a new shard got its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Established {
    /// This call wrote it.
    Written,
    /// The very same state was there already, e.g. from an attempt before.
    AlreadyThere,
}

/// The fate of a write whose outcome was unknown.
enum LookedUp {
    Written(Box<StoredState>),
    /// It has not arrived yet; it may still.
    NotWritten,
    /// Others wrote since, over it or instead of it.
    Unknown,
}

impl Shard {
    /// Gives a new shard its first state, with its first history entry, and makes the directories if need be.
    ///
    /// The state is compared whole with one that is there already, the time of its freeze too: to try again, even after a
    /// restart, keep the state and do not make it anew. Once sitters run, their own writes make it another state.
    ///
    /// # Errors
    ///
    /// [`ShardError::AlreadyEstablished`] if there is another state, [`ShardError::Unsafe`] if sitters could not live with
    /// the state, [`ShardError::LockLost`], [`ShardError::ZooKeeper`].
    pub async fn establish(&self, state: &ClusterState) -> Result<Established, ShardError> {
        let data = self.checked(state)?;
        for directory in ["/election", "/history"] {
            let made = self.session.make_directory(&self.path(directory)).await;
            made.map_err(|error| self.fail(error))?;
        }
        let path = self.state_path();
        let ops = vec![
            self.history_op(&state.generation.to_string(), data.clone()),
            Op::Create { path, data, sequential: false },
        ];
        match self.commit(ops).await {
            Ok(_) => {
                tracing::info!(shard = %self.name, "established");
                Ok(Established::Written)
            }
            Err(error) if error.is_node_exists() || error.outcome_unknown() => {
                self.session.sync().await.map_err(|error| self.fail(error))?;
                match self.read().await? {
                    Some(found) if found.state == *state => Ok(Established::AlreadyThere),
                    Some(_) => Err(ShardError::AlreadyEstablished { shard: self.name.clone() }),
                    None => Err(self.fail(error)),
                }
            }
            Err(error) => Err(self.refused(error)),
        }
    }

    /// Writes a state in place of the one that was read, if nobody wrote meanwhile. Version 0 is compared like any other.
    ///
    /// # Errors
    ///
    /// [`ShardError::Illegal`] and [`ShardError::Unsafe`] before anything is sent; [`ShardError::Conflict`] if somebody wrote
    /// meanwhile; [`ShardError::LockLost`]; [`ShardError::ZooKeeper`], of which
    /// [`outcome_unknown`](ShardError::outcome_unknown) tells whether the write may have happened.
    pub async fn replace(
        &self,
        old: &StoredState,
        new: &ClusterState,
    ) -> Result<StoredState, ShardError> {
        check_transition(&old.state, new)
            .map_err(|source| ShardError::Illegal { shard: self.name.clone(), source })?;
        let data = self.checked(new)?;
        // manatee-adm's writes have the prefix 0 in the history; only sitters use the generation.
        let ops = vec![
            Op::Set { path: self.state_path(), data: data.clone(), version: old.version },
            self.history_op("0", data),
        ];
        let result = match self.commit(ops.clone()).await {
            // Shards made by hand, or by tools that write /state alone, have no history yet.
            Err(error) if self.lacks_history(&error) => {
                let made = self.session.make_directory(&self.path("/history")).await;
                made.map_err(|error| self.fail(error))?;
                self.commit(ops).await
            }
            other => other,
        };
        match result {
            Ok(versions) => {
                let at = usize::from(self.fence.is_some());
                let version = versions.get(at).copied().unwrap_or(old.version + 1);
                tracing::info!(shard = %self.name, version, "state written");
                Ok(StoredState { state: new.clone(), version })
            }
            Err(error) if error.is_bad_version() && !self.is_fence(&error) => {
                Err(ShardError::Conflict { shard: self.name.clone(), expected: old.version })
            }
            Err(error) => Err(self.refused(error)),
        }
    }

    /// Changes the state that is there, again and again until nobody writes in between. `change` is called anew for every
    /// attempt; it returns the state to write, or `None` to leave things as they are. Returns the state that is there in the
    /// end.
    ///
    /// A write whose outcome is unknown is looked up: it happened if the state that it was to write is there. If it is not,
    /// the write is tried again; should the first one arrive after all, the second one is a conflict, and `change` sees what
    /// it wrote. So it should ask for an end and not for a step: "frozen", not "one more".
    ///
    /// # Errors
    ///
    /// As [`Shard::replace`] except for conflicts, and for unknown outcomes unless they remain so after three attempts;
    /// [`ShardError::NoState`]; [`ShardError::Contention`] after a hundred conflicts; the error of `change`.
    pub async fn update<E: From<ShardError>>(
        &self,
        mut change: impl FnMut(&ClusterState) -> Result<Option<ClusterState>, E>,
    ) -> Result<StoredState, E> {
        let mut unanswered = 0;
        for attempt in 0..ATTEMPTS {
            let old = self.read_existing().await?;
            let Some(new) = change(&old.state)? else { return Ok(old) };
            match self.replace(&old, &new).await {
                Ok(written) => return Ok(written),
                Err(ShardError::Conflict { .. }) => {}
                Err(error) if error.outcome_unknown() => {
                    unanswered += 1;
                    let found = self.look_up(&old, &new).await?;
                    match found {
                        LookedUp::Written(written) => return Ok(*written),
                        LookedUp::NotWritten if unanswered < UNANSWERED => {}
                        LookedUp::NotWritten | LookedUp::Unknown => return Err(error.into()),
                    }
                }
                Err(error) => return Err(error.into()),
            }
            // Sessions have random-looking ids, so two writers rarely pause equally long.
            let spread = u64::from(self.session.id().unsigned_abs().count_ones()) % 7 + 1;
            let pause = Duration::from_millis(u64::from(attempt) * spread).min(LONGEST_PAUSE);
            tokio::time::sleep(pause).await;
        }
        Err(ShardError::Contention { shard: self.name.clone(), attempts: ATTEMPTS }.into())
    }

    /// Finds out the fate of a write whose outcome is unknown.
    async fn look_up(&self, old: &StoredState, new: &ClusterState) -> Result<LookedUp, ShardError> {
        self.session.sync().await.map_err(|error| self.fail(error))?;
        let found = self.read_existing().await?;
        if found.version == old.version {
            return Ok(LookedUp::NotWritten);
        }
        if found.version == old.version + 1 && found.state == *new {
            return Ok(LookedUp::Written(Box::new(found)));
        }
        Ok(LookedUp::Unknown)
    }

    fn checked(&self, state: &ClusterState) -> Result<Vec<u8>, ShardError> {
        state
            .to_checked_json()
            .map_err(|source| ShardError::Unsafe { shard: self.name.clone(), source })
    }

    fn history_op(&self, prefix: &str, data: Vec<u8>) -> Op {
        Op::Create { path: self.path(&format!("/history/{prefix}-")), data, sequential: true }
    }

    /// The operations, with the check of the fence before them.
    pub(crate) async fn commit(&self, mut ops: Vec<Op>) -> Result<Vec<i32>, ZooKeeperError> {
        if let Some(fence) = &self.fence {
            ops.insert(0, fence.check());
        }
        self.session.transaction(ops).await
    }

    pub(crate) fn is_fence(&self, error: &ZooKeeperError) -> bool {
        self.fence.as_ref().is_some_and(|fence| fence.failed(error))
    }

    fn lacks_history(&self, error: &ZooKeeperError) -> bool {
        matches!(error, ZooKeeperError::NoNode { path } if path.starts_with(&self.path("/history")))
    }

    pub(crate) fn refused(&self, error: ZooKeeperError) -> ShardError {
        match &self.fence {
            Some(fence) if fence.failed(&error) => {
                ShardError::LockLost { shard: self.name.clone(), lock: fence.path.clone() }
            }
            _ if matches!(&error, ZooKeeperError::NoNode { path } if *path == self.state_path()) => {
                ShardError::NoState { shard: self.name.clone() }
            }
            _ => self.fail(error),
        }
    }
}

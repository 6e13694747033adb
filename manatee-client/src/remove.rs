//! Removing a shard that nobody uses any more.

use crate::error::ZooKeeperError;
use crate::shard::{Shard, ShardError};
use crate::wire::{ANY_VERSION, Op};

/// The number of nodes that may be thought to have children that they have not: the shard's directory and the two in it.
const MISCOUNTED: u32 = 3;

/// The outcome of removing a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// This call removed it.
    Now,
    /// There was none.
    Already,
}

impl Shard {
    /// Removes the shard's directory with its state and history, in one step, if the state is still at `version` (`None`: if
    /// there is no state). Look at the state before: whose is it? Running sitters do not notice that a state is gone, so none
    /// may run.
    ///
    /// # Errors
    ///
    /// [`ShardError::InUse`] if peers are announced, [`ShardError::Conflict`] if the state is another one,
    /// [`ShardError::LockLost`], [`ShardError::ZooKeeper`].
    pub async fn remove(&self, version: Option<i32>) -> Result<Removed, ShardError> {
        let root = self.path("");
        let children = self.session.children(&root).await.map_err(|error| self.fail(error))?;
        let Some(children) = children else { return Ok(Removed::Already) };
        let has = |name: &str| children.iter().any(|child| child == name);
        let conflict = || ShardError::Conflict {
            shard: self.name.clone(),
            expected: version.unwrap_or_default(),
        };
        let mut ops = Vec::new();
        match version {
            Some(version) if has("state") => {
                ops.push(Op::Delete { path: self.state_path(), version });
            }
            None if !has("state") => {}
            Some(_) | None => return Err(conflict()),
        }
        let delete = |path: String| Op::Delete { path, version: ANY_VERSION };
        if has("history") {
            let history = self.path("/history");
            let entries =
                self.session.children(&history).await.map_err(|error| self.fail(error))?;
            let entries = entries.unwrap_or_default();
            ops.extend(entries.iter().map(|entry| delete(format!("{history}/{entry}"))));
            ops.push(delete(history));
        }
        if has("election") {
            ops.push(delete(self.path("/election")));
        }
        ops.push(delete(root));
        let mut committed = self.commit(ops.clone()).await;
        for _ in 0..MISCOUNTED {
            let Err(ZooKeeperError::NotEmpty { path }) = &committed else { break };
            if !self.session.recount(path).await.map_err(|error| self.fail(error))? {
                break;
            }
            committed = self.commit(ops.clone()).await;
        }
        match committed {
            Ok(_) => {
                tracing::info!(shard = %self.name, "removed");
                Ok(Removed::Now)
            }
            Err(ZooKeeperError::NotEmpty { .. }) => {
                Err(ShardError::InUse { shard: self.name.clone() })
            }
            Err(error) if self.is_fence(&error) => Err(self.refused(error)),
            // Somebody else changed or removed some of it meanwhile.
            Err(ZooKeeperError::BadVersion { .. } | ZooKeeperError::NoNode { .. }) => {
                Err(conflict())
            }
            Err(error) => Err(self.fail(error)),
        }
    }
}

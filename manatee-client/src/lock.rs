//! Named locks with fencing tokens.
//!
//! A lock is two nodes: a persistent record that is never deleted, and below it, while the holder's session lives, an ephemeral
//! `alive`. Whoever creates `alive` may write the record; the record's token grows with every holder. The token orders holders
//! for whoever a holder talks to; the record's version fences the writes to ZooKeeper, see [`crate::Shard::fenced_by`] and
//! [`crate::DumpLock::fenced_by`].
//!
//! A holder whose session died leaves a record without `alive`: the lock is abandoned, and what it protected may be half done.
//! It is handed over only to a caller that says so.
//!
//! Holders can leave notes beside the lock, see [`HeldLock::write_note`].

mod error;
mod note;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

pub use self::error::LockError;
pub use self::note::LockNote;
use crate::coordination::Node;
use crate::coordination::Session;
use crate::deadline;
use crate::error::ZooKeeperError;
use crate::fence::Fence;
use crate::freeze_mark::to_iso;

const ATTEMPTS: u32 = 100;

/// The record of a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRecord {
    /// Grows by one with every holder.
    pub token: u64,
    /// The holder; `None` if it was released.
    pub owner: Option<String>,
    /// Since when, ISO 8601.
    pub since: Option<String>,
}

/// The state of a lock at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockState {
    /// Nobody holds it.
    Free,
    /// Somebody holds it.
    Held(LockRecord),
    /// Its holder's session is over and the holder did not release it.
    Abandoned(LockRecord),
}

/// The condition under which a dead holder's lock may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takeover {
    /// Not by this call.
    Never,
    /// If the dead holder is the same owner, e.g. this program before it was restarted.
    Own,
    /// Whoever the dead holder was.
    Anyone,
}

struct Seen {
    record: LockRecord,
    version: i32,
    alive: Option<Node>,
}

/// A named lock.
#[derive(Clone, Debug)]
pub struct Lock {
    session: Session,
    path: String,
}

impl Lock {
    /// The lock with this name in a directory of locks, e.g. `/reshard/locks`.
    ///
    /// # Errors
    ///
    /// [`LockError::BadName`] if they make no path.
    pub fn new(session: Session, directory: &str, name: &str) -> Result<Self, LockError> {
        let path = format!("{directory}/{name}");
        let whole = directory.starts_with('/') && !name.is_empty() && !name.contains('/');
        if !whole || path.contains("//") || path.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(LockError::BadName { path });
        }
        Ok(Self { session, path })
    }

    /// The names of the locks in a directory that were ever taken, in order.
    ///
    /// # Errors
    ///
    /// [`ZooKeeperError`] if the servers do not answer.
    pub async fn list(session: &Session, directory: &str) -> Result<Vec<String>, ZooKeeperError> {
        let mut names = session.children(directory).await?.unwrap_or_default();
        names.sort();
        Ok(names)
    }

    fn alive_path(&self) -> String {
        format!("{}/alive", self.path)
    }

    fn fail(&self, source: ZooKeeperError) -> LockError {
        LockError::ZooKeeper { lock: self.path.clone(), source }
    }

    /// The state of the lock, with its holder.
    ///
    /// # Errors
    ///
    /// [`LockError::BadRecord`], [`LockError::Contention`], [`LockError::ZooKeeper`].
    pub async fn state(&self) -> Result<LockState, LockError> {
        let Some(Seen { record, alive, .. }) = self.look().await? else {
            return Ok(LockState::Free);
        };
        Ok(match (alive, &record.owner) {
            (Some(_), _) => LockState::Held(record),
            (None, Some(_)) => LockState::Abandoned(record),
            (None, None) => LockState::Free,
        })
    }

    /// The record and whether its holder lives. Reading both takes two steps, and a holder that releases the lock in between
    /// looks dead; but a release writes the record before it deletes `alive`, so an unchanged record tells them apart.
    async fn look(&self) -> Result<Option<Seen>, LockError> {
        for _ in 0..ATTEMPTS {
            let Some((record, version)) = self.record().await? else { return Ok(None) };
            let alive = self.session.read(&self.alive_path()).await;
            let alive = alive.map_err(|error| self.fail(error))?;
            if alive.is_some() || record.owner.is_none() {
                return Ok(Some(Seen { record, version, alive }));
            }
            if self.record().await?.is_some_and(|(_, now)| now == version) {
                return Ok(Some(Seen { record, version, alive }));
            }
        }
        Err(self.contention())
    }

    fn contention(&self) -> LockError {
        LockError::Contention { lock: self.path.clone(), attempts: ATTEMPTS }
    }

    async fn record(&self) -> Result<Option<(LockRecord, i32)>, LockError> {
        let node = self.session.read(&self.path).await.map_err(|error| self.fail(error))?;
        let Some(node) = node else { return Ok(None) };
        if node.data.is_empty() {
            // Made, and not written yet.
            return Ok(Some((LockRecord { token: 0, owner: None, since: None }, node.version)));
        }
        let record = serde_json::from_slice(&node.data)
            .map_err(|source| LockError::BadRecord { lock: self.path.clone(), source })?;
        Ok(Some((record, node.version)))
    }

    /// Takes the lock if it is free, or abandoned and `takeover` allows it.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`], [`LockError::Abandoned`], [`LockError::BadRecord`], [`LockError::Contention`],
    /// [`LockError::ZooKeeper`]. After the last, the attempt may have half succeeded; the same owner in the same session
    /// completes it by trying again.
    pub async fn try_acquire(
        &self,
        owner: &str,
        since: Timestamp,
        takeover: Takeover,
    ) -> Result<HeldLock, LockError> {
        for _ in 0..ATTEMPTS {
            let Some(Seen { record, version, alive }) = self.look().await? else {
                self.session.make_directory(&self.path).await.map_err(|error| self.fail(error))?;
                continue;
            };
            if let Some(alive) = alive {
                if !self.is_mine(&alive, owner) {
                    return Err(LockError::Held { lock: self.path.clone(), record });
                }
                if record.owner.as_deref() == Some(owner) {
                    return Ok(HeldLock { lock: self.clone(), record, version });
                }
            }
            let may_take = match (&record.owner, takeover) {
                (None, _) | (_, Takeover::Anyone) => true,
                (Some(before), Takeover::Own) => before == owner,
                (Some(_), Takeover::Never) => false,
            };
            if !may_take {
                return Err(LockError::Abandoned { lock: self.path.clone(), record });
            }
            if let Some(held) = self.take(owner, since, &record, version).await? {
                return Ok(held);
            }
        }
        Err(self.contention())
    }

    /// Tells whether this session created `alive` for this owner: it holds the lock, or an attempt with an unknown outcome was
    /// cut short before the record was written.
    fn is_mine(&self, alive: &Node, owner: &str) -> bool {
        alive.owner == self.session.id() && alive.data == owner.as_bytes()
    }

    /// First `alive`, which only one can create, then the record. `None` if somebody else was faster.
    async fn take(
        &self,
        owner: &str,
        since: Timestamp,
        record: &LockRecord,
        version: i32,
    ) -> Result<Option<HeldLock>, LockError> {
        let alive = self.alive_path();
        match self.session.create_ephemeral(&alive, owner.as_bytes()).await {
            Ok(()) => {}
            Err(error) if error.is_node_exists() => {
                let found = self.session.read(&alive).await.map_err(|error| self.fail(error))?;
                if !found.is_some_and(|found| self.is_mine(&found, owner)) {
                    return Ok(None);
                }
            }
            Err(error) => return Err(self.fail(error)),
        }
        let record = LockRecord {
            token: record.token + 1,
            owner: Some(owner.to_owned()),
            since: Some(to_iso(since)),
        };
        let data = serde_json::to_vec(&record)
            .map_err(|source| LockError::BadRecord { lock: self.path.clone(), source })?;
        match self.session.set(&self.path, &data, version).await {
            Ok(version) => {
                tracing::info!(lock = %self.path, owner, token = record.token, "lock taken");
                Ok(Some(HeldLock { lock: self.clone(), record, version }))
            }
            Err(error) if error.is_bad_version() => {
                self.delete_alive().await?;
                Ok(None)
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Removes what keeps a holder alive whose process is known to be dead, though its session may last a while yet: the lock is
    /// abandoned then. Whether there was anything of that session to remove.
    ///
    /// # Errors
    ///
    /// [`LockError::ZooKeeper`].
    pub async fn bury(&self, session: i64) -> Result<bool, LockError> {
        let alive = self.session.read(&self.alive_path()).await;
        let alive = alive.map_err(|error| self.fail(error))?;
        if alive.is_none_or(|alive| alive.owner != session) {
            return Ok(false);
        }
        self.delete_alive().await.map(|()| true)
    }

    async fn delete_alive(&self) -> Result<(), LockError> {
        match self.session.delete(&self.alive_path(), None).await {
            Ok(()) => Ok(()),
            Err(error) if error.is_no_node() => Ok(()),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// As [`Lock::try_acquire`], and waits while somebody holds the lock: for its release, or for the end of its holder's
    /// session.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] if that takes longer than `patience`; otherwise as [`Lock::try_acquire`].
    pub async fn acquire(
        &self,
        owner: &str,
        since: Timestamp,
        takeover: Takeover,
        patience: Duration,
    ) -> Result<HeldLock, LockError> {
        let deadline = deadline::after(patience);
        loop {
            let held = match self.try_acquire(owner, since, takeover).await {
                Err(error @ LockError::Held { .. }) => error,
                other => return other,
            };
            let watched = self.session.read_and_watch(&self.alive_path()).await;
            let (node, mut watch) = watched.map_err(|error| self.fail(error))?;
            if node.is_some() {
                match timeout_at(deadline, watch.fired()).await {
                    Ok(fired) => fired.map_err(|error| self.fail(error))?,
                    Err(_) => return Err(held),
                }
            }
            if Instant::now() >= deadline {
                return Err(held);
            }
        }
    }
}

/// A lock that this session holds, or held until the session was over.
#[derive(Clone, Debug)]
pub struct HeldLock {
    lock: Lock,
    record: LockRecord,
    version: i32,
}

impl HeldLock {
    /// Grows with every holder. Whoever refuses tokens lower than the highest it saw is safe from holders that came back from
    /// a long sleep.
    pub fn token(&self) -> u64 {
        self.record.token
    }

    /// The record: the holder, and since when.
    pub fn record(&self) -> &LockRecord {
        &self.record
    }

    pub(crate) fn fence(&self) -> Fence {
        Fence { path: self.lock.path.clone(), version: self.version }
    }

    /// Asks ZooKeeper whether the lock is still this holder's and its session alive.
    ///
    /// # Errors
    ///
    /// [`LockError::ZooKeeper`], also if the session is over.
    pub async fn is_held(&self) -> Result<bool, LockError> {
        let Some((_, version)) = self.lock.record().await? else { return Ok(false) };
        let alive = self.lock.session.read(&self.lock.alive_path()).await;
        let alive = alive.map_err(|error| self.lock.fail(error))?;
        Ok(version == self.version
            && alive.is_some_and(|alive| alive.owner == self.lock.session.id()))
    }

    /// Gives the lock back. Doing so twice is the same as once.
    ///
    /// # Errors
    ///
    /// [`LockError::Lost`] if somebody else has taken it since, [`LockError::ZooKeeper`]. After the latter try again; if nobody
    /// does, the lock is free or abandoned once this session is over.
    pub async fn release(&self) -> Result<(), LockError> {
        let record = LockRecord { token: self.record.token, owner: None, since: None };
        let data = serde_json::to_vec(&record)
            .map_err(|source| LockError::BadRecord { lock: self.lock.path.clone(), source })?;
        match self.lock.session.set(&self.lock.path, &data, self.version).await {
            Ok(_) => return self.lock.delete_alive().await,
            Err(error) if error.is_bad_version() => {}
            Err(error) => return Err(self.lock.fail(error)),
        }
        // Perhaps an attempt before wrote it, and the answer was lost. `alive` may be somebody else's by now.
        if self.lock.record().await?.is_none_or(|(found, _)| found != record) {
            return Err(LockError::Lost { lock: self.lock.path.clone() });
        }
        let alive = self.lock.session.read(&self.lock.alive_path()).await;
        let alive = alive.map_err(|error| self.lock.fail(error))?;
        let owner = self.record.owner.as_deref().unwrap_or_default();
        if alive.is_some_and(|alive| self.lock.is_mine(&alive, owner)) {
            self.lock.delete_alive().await?;
        }
        Ok(())
    }
}

//! The client's end of a session with a ZooKeeper in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{MemoryCoordination, Shared, WatchOf};
use crate::coordination::brief::BriefConnection;
use crate::coordination::watch::Watch;
use crate::coordination::{Connection, Ephemeral, Node, SessionEvent, SessionEvents, events};
use crate::error::ZooKeeperError;
use crate::servers::Servers;
use crate::wire::{ANY_VERSION, Op};

/// The client's end of a session.
pub(super) struct Client {
    pub(super) zookeeper: MemoryCoordination,
    pub(super) id: i64,
    pub(super) timeout: Duration,
    pub(super) servers: Servers,
}

impl Drop for Client {
    fn drop(&mut self) {
        let mut shared = self.zookeeper.lock();
        // A connection that is cut takes no farewell.
        if shared.sessions.get(&self.id).is_some_and(|session| !session.cut) {
            shared.end(self.id, SessionEvent::Closed);
        }
    }
}

impl Client {
    /// Does something in one step, after others had their turn.
    async fn step<T: Send>(
        &self,
        path: &str,
        work: impl FnOnce(&mut Shared) -> Result<T, ZooKeeperError> + Send,
    ) -> Result<T, ZooKeeperError> {
        tokio::task::yield_now().await;
        let mut shared = self.zookeeper.lock();
        match shared.sessions.get(&self.id) {
            Some(session) if session.cut => {
                Err(ZooKeeperError::ConnectionLoss { path: path.to_owned() })
            }
            Some(session) if session.lives => work(&mut shared),
            Some(_) | None => Err(ZooKeeperError::SessionExpired),
        }
    }

    fn now(&self) -> i64 {
        (self.zookeeper.now)().as_millisecond()
    }

    fn watch_in(&self, watches: &mut BTreeMap<String, Vec<WatchOf>>, path: &str) -> Watch {
        let (fires, watch) = Watch::new();
        let of = WatchOf { session: self.id, fires };
        watches.entry(path.trim_end_matches('/').to_owned()).or_default().push(of);
        watch
    }
}

#[async_trait]
impl Connection for Client {
    fn id(&self) -> i64 {
        self.id
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn is_over(&self) -> bool {
        let shared = self.zookeeper.lock();
        shared.sessions.get(&self.id).is_none_or(|session| !session.lives && !session.cut)
    }

    fn events(&self) -> SessionEvents {
        let shared = self.zookeeper.lock();
        let told = shared.sessions.get(&self.id).map(|session| session.events.subscribe());
        drop(shared);
        SessionEvents::new(Box::new(Told(told)))
    }

    fn servers(&self) -> &Servers {
        &self.servers
    }

    async fn get(&self, path: &str) -> Result<Node, ZooKeeperError> {
        self.step(path, |shared| shared.tree.get(path).cloned()).await
    }

    async fn get_all(&self, paths: &[String]) -> Result<Vec<Option<Node>>, ZooKeeperError> {
        let first = paths.first().map_or("", String::as_str);
        let read = |shared: &mut Shared| {
            Ok(paths.iter().map(|path| shared.tree.get(path).ok().cloned()).collect())
        };
        self.step(first, read).await
    }

    async fn get_and_watch(&self, path: &str) -> Result<(Node, Watch), ZooKeeperError> {
        let read = |shared: &mut Shared| {
            let node = shared.tree.get(path)?.clone();
            Ok((node, self.watch_in(&mut shared.node_watches, path)))
        };
        self.step(path, read).await
    }

    async fn exists_and_watch(&self, path: &str) -> Result<(bool, Watch), ZooKeeperError> {
        let read = |shared: &mut Shared| {
            let exists = shared.tree.get(path).is_ok();
            Ok((exists, self.watch_in(&mut shared.node_watches, path)))
        };
        self.step(path, read).await
    }

    async fn children(&self, path: &str) -> Result<Vec<String>, ZooKeeperError> {
        self.step(path, |shared| shared.tree.children(path)).await
    }

    async fn children_and_watch(&self, path: &str) -> Result<(Vec<String>, Watch), ZooKeeperError> {
        let read = |shared: &mut Shared| {
            let children = shared.tree.children(path)?;
            Ok((children, self.watch_in(&mut shared.child_watches, path)))
        };
        self.step(path, read).await
    }

    async fn make_directory(&self, path: &str) -> Result<(), ZooKeeperError> {
        let make = |shared: &mut Shared| {
            let changes = shared.tree.make_directory(path, self.now())?;
            shared.tell(changes);
            Ok(())
        };
        self.step(path, make).await
    }

    async fn create(
        &self,
        path: &str,
        data: &[u8],
        kind: Ephemeral,
    ) -> Result<i64, ZooKeeperError> {
        let make = |shared: &mut Shared| {
            let (number, change) =
                shared.tree.create_ephemeral(path, data, kind, self.id, self.now())?;
            shared.tell([change]);
            Ok(number)
        };
        self.step(path, make).await
    }

    async fn set(&self, path: &str, data: &[u8], version: i32) -> Result<i32, ZooKeeperError> {
        let write = |shared: &mut Shared| {
            let (version, change) = shared.tree.set(path, data, version)?;
            shared.tell([change]);
            Ok(version)
        };
        self.step(path, write).await
    }

    async fn delete(&self, path: &str, version: Option<i32>) -> Result<(), ZooKeeperError> {
        let delete = |shared: &mut Shared| {
            let change = shared.tree.delete(path, version.unwrap_or(ANY_VERSION))?;
            shared.tell([change]);
            Ok(())
        };
        self.step(path, delete).await
    }

    async fn transaction(&self, ops: Vec<Op>) -> Result<Vec<i32>, ZooKeeperError> {
        let first = ops.first().map(|op| op.path().to_owned()).unwrap_or_default();
        let commit = |shared: &mut Shared| {
            let (versions, changes) = shared.tree.transaction(&ops, self.id, self.now())?;
            shared.tell(changes);
            Ok(versions)
        };
        self.step(&first, commit).await
    }
}

/// The events that a session was told; `None` if it never was.
#[derive(Debug)]
struct Told(Option<watch::Receiver<Option<SessionEvent>>>);

#[async_trait]
impl events::Source for Told {
    async fn next(&mut self) -> SessionEvent {
        let Some(told) = &mut self.0 else { return SessionEvent::Expired };
        // Of a session that was over before, the end is told at once.
        let is_over = |event: &Option<SessionEvent>| {
            matches!(event, Some(SessionEvent::Expired | SessionEvent::Closed))
        };
        if !is_over(&told.borrow()) && told.changed().await.is_err() {
            return SessionEvent::Expired;
        }
        let event = *told.borrow_and_update();
        event.unwrap_or(SessionEvent::Expired)
    }
}

#[async_trait]
impl BriefConnection for Client {
    fn id(&self) -> i64 {
        self.id
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    async fn transaction(&mut self, ops: Vec<Op>) -> Result<Vec<i32>, ZooKeeperError> {
        Connection::transaction(self, ops).await
    }

    /// Dropping it does that.
    async fn close(self: Box<Self>) {}
}

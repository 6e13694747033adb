//! A ZooKeeper in memory, for tests and simulations: the same nodes, versions, watches and sessions, without a server and
//! without time of its own.

mod tree;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use self::tree::{Change, Tree, parent};
use super::brief::BriefConnection;
use super::watch::{Fired, Watch};
use super::{
    BriefSession, Connection, Coordination, Ephemeral, Node, SessionEvent, SessionEvents,
    SessionOptions, events,
};
use crate::coordination::Session;
use crate::error::ZooKeeperError;
use crate::servers::Servers;
use crate::wire::{ANY_VERSION, Op};

/// A ZooKeeper in memory. Copies share it.
///
/// No session expires by itself: [`MemoryCoordination::expire`] does that, and [`MemoryCoordination::cut`] takes the connection
/// away before. Given the same calls in the same order, everything in it is the same, session numbers too.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use manatee_client::{Coordination, Lock, LockState, MemoryCoordination, SessionOptions, Takeover};
///
/// let zookeeper = MemoryCoordination::new(|| "2024-05-06T07:08:09Z".parse().unwrap());
/// let holder = zookeeper.open_session(&SessionOptions::default()).await?;
/// let other = zookeeper.open_session(&SessionOptions::default()).await?;
/// let lock = |session| Lock::new(session, "/locks", "ring");
/// let now = "2024-05-06T07:08:09Z".parse()?;
/// let held = lock(holder.clone())?.try_acquire("plan 7", now, Takeover::Never).await?;
/// zookeeper.expire(holder.id());
/// assert!(matches!(lock(other)?.state().await?, LockState::Abandoned(_)));
/// assert!(!held.is_held().await.unwrap_or(false));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct MemoryCoordination {
    shared: Arc<Mutex<Shared>>,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

struct Shared {
    tree: Tree,
    sessions: BTreeMap<i64, ServerSession>,
    last_session: i64,
    /// By path: the sessions that watch a node, and those that watch its children.
    node_watches: BTreeMap<String, Vec<WatchOf>>,
    child_watches: BTreeMap<String, Vec<WatchOf>>,
}

struct WatchOf {
    session: i64,
    fires: oneshot::Sender<Fired>,
}

/// A session as both of its ends see it.
struct ServerSession {
    /// False once the server has ended it.
    lives: bool,
    /// True while nothing gets through: the client does not learn of the session's end, and watches fire afterwards.
    cut: bool,
    /// Watches that fired meanwhile.
    late: Vec<(oneshot::Sender<Fired>, Fired)>,
    events: watch::Sender<Option<SessionEvent>>,
}

impl fmt::Debug for MemoryCoordination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.lock();
        let sessions = shared.sessions.iter().filter(|(_, session)| session.lives);
        f.debug_struct("MemoryCoordination")
            .field("sessions", &sessions.map(|(id, _)| id).collect::<Vec<_>>())
            .field("tree", &shared.tree)
            .finish_non_exhaustive()
    }
}

impl MemoryCoordination {
    /// An empty ZooKeeper, which takes the time of nodes from `now`.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let shared = Shared {
            tree: Tree::new(),
            sessions: BTreeMap::new(),
            last_session: 0,
            node_watches: BTreeMap::new(),
            child_watches: BTreeMap::new(),
        };
        Self { shared: Arc::new(Mutex::new(shared)), now: Arc::new(now) }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing is left half changed by a panic elsewhere.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The numbers of the sessions that live.
    pub fn sessions(&self) -> Vec<i64> {
        let shared = self.lock();
        shared.sessions.iter().filter(|(_, it)| it.lives).map(|(id, _)| *id).collect()
    }

    /// Ends a session as if the server had not heard of it for its time-out. A client that is cut off learns that when it is
    /// connected again.
    pub fn expire(&self, session: i64) {
        self.lock().end(session, SessionEvent::Expired);
    }

    /// Takes a session's connection away: its operations fail, and it hears of nothing.
    pub fn cut(&self, session: i64) {
        if let Some(session) = self.lock().sessions.get_mut(&session) {
            session.cut = true;
            session.events.send_replace(Some(SessionEvent::Disconnected));
        }
    }

    /// Gives it back. The session has missed no watch, unless it is over.
    pub fn mend(&self, session: i64) {
        if let Some(session) = self.lock().sessions.get_mut(&session) {
            session.cut = false;
            let event =
                if session.lives { SessionEvent::Reconnected } else { SessionEvent::Expired };
            session.events.send_replace(Some(event));
            for (fires, fired) in session.late.drain(..) {
                fires.send(if session.lives { fired } else { Fired::SessionOver }).ok();
            }
        }
    }
}

impl Shared {
    fn end(&mut self, id: i64, event: SessionEvent) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.lives) else {
            return;
        };
        session.lives = false;
        if !session.cut {
            session.events.send_replace(Some(event));
        }
        let changes = self.tree.delete_owned(id);
        self.tell(changes);
        for watches in self.node_watches.values_mut().chain(self.child_watches.values_mut()) {
            for watch in watches.extract_if(.., |watch| watch.session == id) {
                fire(&mut self.sessions, watch, Fired::SessionOver);
            }
        }
    }

    /// Fires the watches that changes concern.
    fn tell(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            let (Change::Created(path) | Change::Written(path) | Change::Deleted(path)) = &change;
            let mut fired = self.node_watches.remove(path).unwrap_or_default();
            if matches!(change, Change::Deleted(_)) {
                fired.extend(self.child_watches.remove(path).unwrap_or_default());
            }
            if !matches!(change, Change::Written(_)) {
                fired.extend(self.child_watches.remove(parent(path)).unwrap_or_default());
            }
            for watch in fired {
                fire(&mut self.sessions, watch, Fired::Changed);
            }
        }
    }
}

fn fire(sessions: &mut BTreeMap<i64, ServerSession>, watch: WatchOf, fired: Fired) {
    match sessions.get_mut(&watch.session) {
        Some(session) if session.cut => session.late.push((watch.fires, fired)),
        // Nobody may wait for it any more.
        Some(_) | None => drop(watch.fires.send(fired)),
    }
}

#[async_trait]
impl Coordination for MemoryCoordination {
    async fn open_session(&self, options: &SessionOptions) -> Result<Session, ZooKeeperError> {
        Ok(Session::over(Arc::new(self.open(options.session_timeout).await)))
    }

    async fn open_brief_session(
        &self,
        timeout: Duration,
        _: Duration,
    ) -> Result<BriefSession, ZooKeeperError> {
        Ok(BriefSession::over(Box::new(self.open(timeout).await)))
    }
}

impl MemoryCoordination {
    async fn open(&self, timeout: Duration) -> Client {
        tokio::task::yield_now().await;
        let mut shared = self.lock();
        shared.last_session += 1;
        let id = shared.last_session;
        let session = ServerSession {
            lives: true,
            cut: false,
            late: Vec::new(),
            events: watch::Sender::new(None),
        };
        shared.sessions.insert(id, session);
        drop(shared);
        let servers = Servers { hosts: vec![("memory".to_owned(), 2181)], chroot: String::new() };
        Client { zookeeper: self.clone(), id, timeout, servers }
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

/// The client's end of a session.
struct Client {
    zookeeper: MemoryCoordination,
    id: i64,
    timeout: Duration,
    servers: Servers,
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

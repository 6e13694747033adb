//! A ZooKeeper in memory, for tests and simulations: the same nodes, versions, watches and sessions, without a server and
//! without time of its own.

mod client;
mod tree;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use self::client::Client;
use self::tree::{Change, Tree, parent};
use super::watch::Fired;
use super::{BriefSession, Coordination, SessionEvent, SessionOptions};
use crate::coordination::Session;
use crate::error::ZooKeeperError;
use crate::servers::Servers;

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

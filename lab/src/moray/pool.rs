//! The sessions with a shard's primary, of which each request takes one: a pool that behaves as the real Moray's, cueball, does.
//!
//! Sessions that nobody uses are closed at once when the primary changes, and as many are opened with the new one; those in use
//! stay until their requests end. A session that broke while nobody used it is noticed by the request that gets it, or after
//! a minute.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use moray_client::ServerError;
use tokio::sync::{Notify, mpsc, watch};

use super::config::Sessions;
use super::error;
use super::keeper;
use super::session::{Connector, Session, Slot};
use super::slots::Slots;
use super::waiting::{GivenUp, Waiting};

/// The pool.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) connector: Connector,
    pub(super) sessions: Sessions,
    pub(super) primary: watch::Receiver<Option<SocketAddr>>,
    /// Is told when one more request waits.
    pub(super) wanted: Notify,
    state: Mutex<State>,
    closed: mpsc::UnboundedSender<u64>,
}

#[derive(Debug)]
struct State {
    waiting: Waiting<Session>,
    /// Those that nobody uses, all with the primary of now.
    idle: VecDeque<Session>,
    /// The primary of now, and its number among all that there were.
    server: Option<SocketAddr>,
    number: u64,
    slots: Slots,
    /// Sessions with earlier primaries.
    left_behind: usize,
    /// The primary counted as dead, and no session was made since with any.
    failed: bool,
}

/// Places for new sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) server: SocketAddr,
    /// The server's number among all primaries.
    pub(super) number: u64,
    pub(super) count: usize,
    /// The server counts as dead.
    pub(super) dead: bool,
}

impl Pool {
    /// A pool that keeps itself from now on, for as long as somebody follows the primary.
    pub(super) fn start(
        connector: Connector,
        sessions: Sessions,
        primary: watch::Receiver<Option<SocketAddr>>,
    ) -> Arc<Self> {
        let (closed, closings) = mpsc::unbounded_channel();
        let state = State {
            waiting: Waiting::new(sessions.max_queue_length, sessions.target_claim_delay()),
            idle: VecDeque::new(),
            server: None,
            number: 0,
            slots: Slots::default(),
            left_behind: 0,
            failed: false,
        };
        let (state, wanted) = (Mutex::new(state), Notify::new());
        let pool = Arc::new(Self { connector, sessions, primary, wanted, state, closed });
        tokio::spawn(keeper::keep(Arc::clone(&pool), closings));
        pool
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session with the primary, when one is free: a request waits for that in a queue, also while there is no primary or
    /// none that answers.
    pub(super) async fn claim(&self) -> Result<Session, ServerError> {
        let (turn, patience, unreachable) = {
            let mut state = self.lock();
            if state.waiting.is_full() {
                return Err(error::overloaded());
            }
            if state.failed {
                return Err(error::no_backend());
            }
            // As Moray tells the two apart: what was so when the request came counts.
            let connected = state.slots.connected() + state.left_behind;
            let unreachable = state.idle.is_empty() && connected <= 2;
            if let Some(session) = state.idle.pop_front() {
                return Ok(session);
            }
            let (turn, patience) = state.waiting.join(Instant::now());
            (turn, patience, unreachable)
        };
        self.wanted.notify_one();
        match tokio::time::timeout(patience, turn).await {
            Ok(Ok(Ok(session))) => Ok(session),
            Ok(Ok(Err(GivenUp::Failed)) | Err(_)) => Err(error::no_backend()),
            Ok(Ok(Err(GivenUp::Late))) | Err(_) if unreachable => Err(error::no_backend()),
            Ok(Ok(Err(GivenUp::Late))) | Err(_) => Err(error::overloaded()),
        }
    }

    /// Takes a session back that is as good as new. One with an earlier primary is closed.
    pub(super) fn give_back(&self, session: Session) {
        let mut state = self.lock();
        let is_of_now = session.slot.as_ref().is_some_and(|slot| slot.primary == state.number);
        if is_of_now && !session.client.is_closed() {
            state.offer(session);
        }
    }

    /// Goes over to another primary. Returns whether it is another.
    pub(super) fn follow(&self, server: Option<SocketAddr>) -> bool {
        let mut state = self.lock();
        if state.server == server {
            return false;
        }
        state.server = server;
        state.number += 1;
        state.left_behind += std::mem::take(&mut state.slots).open;
        let closed = std::mem::take(&mut state.idle);
        drop(state);
        tracing::info!(primary = ?server, closed = closed.len(), "another primary");
        true
    }

    /// Makes the places that are missing.
    pub(super) fn make_places(&self) -> Option<Missing> {
        let mut state = self.lock();
        let (server, number) = (state.server?, state.number);
        let (idle, waiting) = (state.idle.len(), state.waiting.len());
        let count = state.slots.missing(idle, waiting, self.sessions.limits());
        state.slots.new += count;
        Some(Missing { server, number, count, dead: state.slots.dead })
    }

    /// Notes the end of a session with the primary of a number. Returns the server if its place is to be filled again.
    pub(super) fn closed(&self, number: u64) -> Option<SocketAddr> {
        let mut state = self.lock();
        if state.number != number {
            state.left_behind = state.left_behind.saturating_sub(1);
            return None;
        }
        state.slots.open = state.slots.open.saturating_sub(1);
        if state.slots.dead {
            return None;
        }
        state.slots.broken += 1;
        state.server
    }

    /// Gives up sessions that broke while nobody used them.
    pub(super) fn close_broken(&self) {
        self.lock().idle.retain(|session| !session.client.is_closed());
    }

    /// Puts a session into its place. `again`: there was one before.
    pub(super) fn opened(&self, mut session: Session, number: u64, again: bool) {
        let mut state = self.lock();
        if state.number != number {
            return;
        }
        let place = if again { &mut state.slots.broken } else { &mut state.slots.new };
        *place = place.saturating_sub(1);
        state.slots.open += 1;
        state.slots.dead = false;
        state.failed = false;
        session.slot = Some(Slot { primary: number, closed: self.closed.clone() });
        state.offer(session);
    }

    /// Notes that the primary of a number does not answer. Returns whether it is the one of now.
    pub(super) fn died(&self, number: u64) -> bool {
        let mut state = self.lock();
        if state.number != number {
            return false;
        }
        tracing::warn!(primary = ?state.server, "given up: no session can be made");
        state.slots = Slots { new: 0, broken: 0, dead: true, ..state.slots };
        state.failed = true;
        state.waiting.fail();
        true
    }
}

impl State {
    /// Gives a session to the first request that waits.
    fn offer(&mut self, session: Session) {
        if let Some(session) = self.waiting.hand(session, Instant::now()) {
            self.idle.push_back(session);
        }
    }
}

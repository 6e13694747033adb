//! The events of a session with ZooKeeper.

use zookeeper::{SessionState, StateWatcher};

/// An event of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// No server answers. Operations wait; watches and ephemeral nodes live on, for the session timeout at most.
    Disconnected,
    /// A server answers again, the session is the same and has missed no watch.
    Reconnected,
    /// The session is over and so are its watches and ephemeral nodes. Connect anew and read everything again.
    Expired,
    /// The session was closed, or the servers refused this client.
    Closed,
}

/// The events of a session, in order. Changes that follow each other faster than they are asked for may be told as one.
#[derive(Debug)]
pub struct SessionEvents {
    watcher: StateWatcher,
    over: bool,
}

impl SessionEvents {
    pub(crate) fn new(watcher: StateWatcher) -> Self {
        Self { watcher, over: false }
    }

    /// The next event; `None` after [`SessionEvent::Expired`] or [`SessionEvent::Closed`], which are the last.
    pub async fn next(&mut self) -> Option<SessionEvent> {
        if self.over {
            return None;
        }
        let event = match self.watcher.changed().await {
            SessionState::Disconnected => SessionEvent::Disconnected,
            SessionState::SyncConnected | SessionState::ConnectedReadOnly => {
                SessionEvent::Reconnected
            }
            SessionState::Expired => SessionEvent::Expired,
            SessionState::AuthFailed | SessionState::Closed => SessionEvent::Closed,
        };
        tracing::info!(?event, "ZooKeeper session");
        self.over = matches!(event, SessionEvent::Expired | SessionEvent::Closed);
        Some(event)
    }
}

//! The events of a session with ZooKeeper.

use std::fmt;

use async_trait::async_trait;

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

impl SessionEvent {
    fn is_last(self) -> bool {
        matches!(self, Self::Expired | Self::Closed)
    }
}

/// The teller of a session's events.
#[async_trait]
pub(super) trait Source: fmt::Debug + Send {
    /// The next one, when it comes. Not asked any more after the last.
    async fn next(&mut self) -> SessionEvent;
}

/// The events of a session, in order. Changes that follow each other faster than they are asked for may be told as one.
#[derive(Debug)]
pub struct SessionEvents {
    source: Box<dyn Source>,
    over: bool,
}

impl SessionEvents {
    pub(super) fn new(source: Box<dyn Source>) -> Self {
        Self { source, over: false }
    }

    /// The next event; `None` after [`SessionEvent::Expired`] or [`SessionEvent::Closed`], which are the last.
    pub async fn next(&mut self) -> Option<SessionEvent> {
        if self.over {
            return None;
        }
        let event = self.source.next().await;
        tracing::info!(?event, "ZooKeeper session");
        self.over = event.is_last();
        Some(event)
    }
}

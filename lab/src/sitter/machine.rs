//! The work of a sitter, apart from doing it: pure, from what happens to what is to be done.
//!
//! It follows Manatee's state machine (manatee-state-machine, `lib/manatee-peer.js`), its peculiarities included, since
//! tools that change a shard have to get along with them.

mod evaluate;
#[cfg(test)]
mod simulation;
mod takeover;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use super::state::{ClusterState, InvalidState, Peer};

/// The part of a peer, as it sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Unknown,
    Primary,
    Sync,
    Async,
    Unassigned,
    Deposed,
}

/// The way in which PostgreSQL is to run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PostgresConfig {
    /// Not at all.
    Stopped,
    /// It takes writes once this standby has caught up. `None`: at once.
    Primary { sync: Option<Peer> },
    /// It streams from another. Whatever it lacks at the beginning it gets from the primary.
    Standby { role: Role, upstream: Peer, primary: Peer },
}

/// An event: something that happens to a sitter.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// It is in the election, and has read the state and who else is there. The first event.
    Started { state: Option<Value>, active: Vec<Peer> },
    /// The state was read again.
    State(Value),
    /// The peers in the election were read again.
    Active(Vec<Peer>),
    /// True if the state of [`Command::Write`] was written.
    Written(bool),
    /// The position that [`Command::AskWal`] asked for. `None`: PostgreSQL does not tell.
    Wal(Option<String>),
    /// True if PostgreSQL is as [`Command::Apply`] said.
    Applied(bool),
    /// The time of [`Command::Wait`] is over.
    Waited(Retry),
}

/// A thing to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Write this state, in place of the one that was read last. Answered by [`Event::Written`].
    Write(Box<ClusterState>),
    /// Ask PostgreSQL for its position in the WAL. Answered by [`Event::Wal`].
    AskWal,
    /// Run PostgreSQL in this way. Answered by [`Event::Applied`].
    Apply(Box<PostgresConfig>),
    /// Wait a second. Answered by [`Event::Waited`].
    Wait(Retry),
}

/// A thing that is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Taking over.
    Takeover,
    /// Applying a configuration.
    Apply,
}

/// The reason for which a sitter cannot go on. The process ends, and is started again.
#[derive(Debug, Error)]
pub(crate) enum Fatal {
    #[error("the cluster state cannot be used: {0}")]
    State(#[from] InvalidState),
    #[error("configured for one-node-write mode, but found cluster in normal mode")]
    NotSingleton,
    #[error("peer {id} has no backupUrl")]
    NoBackupUrl { id: String },
}

/// A change of the state that is under way. Meanwhile nothing else is looked at.
#[derive(Clone, Debug, PartialEq)]
enum Update {
    /// A new generation waits for the position of the WAL. It may be declared only from `least` on.
    Declare { state: Box<ClusterState>, least: Option<String> },
    /// It could not be declared.
    BackOff,
    /// A state is being written.
    Write { state: Box<ClusterState>, declares: bool },
}

/// One sitter.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub(crate) struct Machine {
    me: Peer,
    singleton: bool,
    setup: bool,
    role: Role,
    state: Option<ClusterState>,
    active: Vec<Peer>,
    /// The generation that the role was taken in.
    generation: Option<f64>,
    /// Whom this peer streams from.
    upstream: Option<Peer>,
    update: Option<Update>,
    online: bool,
    applying: Option<PostgresConfig>,
    applied: Option<PostgresConfig>,
    apply_again: bool,
    commands: Vec<Command>,
    now: Timestamp,
}

impl Machine {
    /// A sitter at its start. `setup`: its data directory has held a server. `singleton`: it is configured for
    /// one-node-write mode.
    pub(crate) fn new(me: Peer, singleton: bool, setup: bool) -> Self {
        Self {
            me,
            singleton,
            setup,
            role: Role::Unknown,
            state: None,
            active: Vec::new(),
            generation: None,
            upstream: None,
            update: None,
            online: false,
            applying: None,
            applied: None,
            apply_again: false,
            commands: Vec::new(),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    pub(crate) fn me(&self) -> &Peer {
        &self.me
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// The state that it goes by.
    pub(crate) fn state(&self) -> Option<&ClusterState> {
        self.state.as_ref()
    }

    /// The peers that are there, as far as it knows.
    pub(crate) fn active(&self) -> &[Peer] {
        &self.active
    }

    /// The work that is under way, in the words of the status server.
    pub(crate) fn pending(&self) -> Vec<&'static str> {
        let pending = [
            (self.applying.is_some(), "postgres transition"),
            (self.apply_again, "pg retry"),
            (self.update.is_some(), "cluster write or wait"),
        ];
        pending.into_iter().filter_map(|(is, what)| is.then_some(what)).collect()
    }

    /// Takes an event and tells what is to be done. Commands of earlier calls stay in force.
    ///
    /// # Errors
    /// The sitter cannot go on.
    pub(crate) fn handle(&mut self, now: Timestamp, event: Event) -> Result<Vec<Command>, Fatal> {
        self.now = now;
        match event {
            // A deposed peer drops what comes from outside, until it is started again.
            Event::Started { .. } | Event::State(_) | Event::Active(_)
                if self.role == Role::Deposed => {}
            Event::Started { state, active } => {
                self.state = state.as_ref().map(ClusterState::parse).transpose()?;
                self.active = active;
                self.evaluate()?;
            }
            Event::State(state) => {
                self.state = Some(ClusterState::parse(&state)?);
                self.evaluate()?;
            }
            Event::Active(active) => {
                self.active = active;
                self.evaluate()?;
            }
            Event::Written(written) => self.written(written)?,
            Event::Wal(position) => self.declare(position)?,
            Event::Applied(applied) => self.applied(applied)?,
            Event::Waited(Retry::Takeover) => {
                self.update = None;
                self.evaluate()?;
            }
            Event::Waited(Retry::Apply) => self.apply()?,
        }
        Ok(std::mem::take(&mut self.commands))
    }

    fn is_present(&self, peer: &Peer) -> bool {
        self.active.iter().any(|active| active.id == peer.id)
    }

    /// Has PostgreSQL configured if it is not yet as the role wants it.
    fn apply(&mut self) -> Result<(), Fatal> {
        if self.applying.is_some() {
            return Ok(());
        }
        let config = self.config();
        if self.applied.as_ref() == Some(&config) {
            return Ok(());
        }
        config.check()?;
        self.applying = Some(config.clone());
        self.commands.push(Command::Apply(Box::new(config)));
        Ok(())
    }

    fn applied(&mut self, applied: bool) -> Result<(), Fatal> {
        let config = self.applying.take();
        if !applied {
            self.online = false;
            self.applied = None;
            self.apply_again = true;
            self.commands.push(Command::Wait(Retry::Apply));
            return Ok(());
        }
        self.apply_again = false;
        self.online = config.as_ref().is_some_and(|config| *config != PostgresConfig::Stopped);
        self.applied = config;
        // The role may have changed meanwhile.
        self.apply()
    }

    fn config(&self) -> PostgresConfig {
        let state = self.state.as_ref();
        match (self.role, &self.upstream, state) {
            (Role::Primary, _, Some(state)) => PostgresConfig::Primary { sync: state.sync.clone() },
            (Role::Sync | Role::Async, Some(upstream), Some(state)) => PostgresConfig::Standby {
                role: self.role,
                upstream: upstream.clone(),
                primary: state.primary.clone(),
            },
            _ => PostgresConfig::Stopped,
        }
    }
}

impl PostgresConfig {
    /// Production's sitter asserts that the peers it deals with have everything.
    fn check(&self) -> Result<(), Fatal> {
        let peers = match self {
            Self::Stopped => [None, None],
            Self::Primary { sync } => [sync.as_ref(), None],
            Self::Standby { upstream, primary, .. } => [Some(upstream), Some(primary)],
        };
        match peers.into_iter().flatten().find(|peer| peer.backup_url.is_none()) {
            Some(peer) => Err(Fatal::NoBackupUrl { id: peer.id.clone() }),
            None => Ok(()),
        }
    }
}

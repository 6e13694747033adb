//! The changes that a peer makes to the state: a new generation, other asyncs, the first state of all.

use serde_json::{Map, json};

use super::super::state::{ClusterState, INITIAL_WAL, Lsn, Peer};
use super::{Command, Fatal, Machine, Retry, Update};

/// The peers of the next generation but its primary, which is who declares it.
struct Roles {
    sync: Peer,
    asyncs: Vec<Peer>,
    deposed: Vec<Peer>,
}

impl Machine {
    /// Declares a generation in which this peer is the primary and the first async that is present its sync. `false`:
    /// there is no such async.
    pub(super) fn start_takeover(
        &mut self,
        state: &ClusterState,
        why: &'static str,
        least: Option<String>,
    ) -> bool {
        let mut present = state.asyncs.iter().filter(|peer| self.is_present(peer)).cloned();
        let Some(sync) = present.next() else {
            tracing::warn!(why, "would take over, but no async peers are present");
            return false;
        };
        let asyncs = present.collect();
        let mut deposed = state.deposed.clone();
        if state.primary.id != self.me.id {
            deposed.push(state.primary.clone());
        }
        self.start_generation(state, why, least, Roles { sync, asyncs, deposed });
        true
    }

    /// Declares a generation in which sync and first async have changed places. `false`: no async is present.
    pub(super) fn start_swap_with_sync(&mut self, state: &ClusterState) -> bool {
        let mut present = state.asyncs.iter().filter(|peer| self.is_present(peer)).cloned();
        let Some(sync) = present.next() else {
            return false;
        };
        let asyncs = state.sync.iter().cloned().chain(present).collect();
        let deposed = state.deposed.clone();
        self.start_generation(state, "promotion", None, Roles { sync, asyncs, deposed });
        true
    }

    /// Gives a shard of one its first standbys: whoever is there, since none of them has anything yet.
    pub(super) fn start_normal_mode(&mut self, state: &ClusterState) {
        let mut others = self.active.iter().filter(|peer| peer.id != self.me.id).cloned();
        let Some(sync) = others.next() else {
            tracing::warn!("would leave one-node-write mode, but no other peers are present");
            return;
        };
        let asyncs = others.collect();
        let roles = Roles { sync, asyncs, deposed: Vec::new() };
        self.start_generation(state, "transitioning to normal mode", None, roles);
    }

    fn start_generation(
        &mut self,
        state: &ClusterState,
        why: &'static str,
        least: Option<String>,
        roles: Roles,
    ) {
        if state.is_frozen() {
            self.back_off(why, "the cluster is frozen");
            return;
        }
        if !self.online || self.applying.is_some() {
            self.back_off(why, "PostgreSQL is offline");
            return;
        }
        tracing::info!(why, sync = roles.sync.id, "preparing for a new generation");
        let next = ClusterState {
            generation: state.generation + 1.0,
            sync: Some(roles.sync),
            asyncs: roles.asyncs,
            deposed: roles.deposed,
            ..initial(&self.me)
        };
        self.update = Some(Update::Declare { state: Box::new(next), least });
        self.commands.push(Command::AskWal);
    }

    /// The position of the WAL is known: the generation can be declared, unless this peer lacks something.
    pub(super) fn declare(&mut self, position: Option<String>) -> Result<(), Fatal> {
        let Some(Update::Declare { mut state, least }) = self.update.take() else {
            return Ok(());
        };
        let Some(position) = position else {
            self.back_off("new generation", "PostgreSQL does not tell its position");
            return Ok(());
        };
        let behind = least.is_some_and(|least| Lsn::parse(&position) < Lsn::parse(&least));
        if behind {
            self.back_off("new generation", "not caught up to the primary yet");
            return Ok(());
        }
        state.init_wal = position;
        state.check()?;
        self.write(*state, true);
        Ok(())
    }

    fn back_off(&mut self, why: &'static str, obstacle: &'static str) {
        tracing::warn!(why, obstacle, "backing off");
        self.update = Some(Update::BackOff);
        self.commands.push(Command::Wait(Retry::Takeover));
    }

    /// Writes the same generation with other asyncs. Only what sitters know of a state stays in it.
    pub(super) fn update_asyncs(&mut self, state: &ClusterState, asyncs: Vec<Peer>) {
        let next = ClusterState {
            asyncs,
            freeze: state.is_frozen().then(|| state.freeze.clone()).flatten(),
            promote: None,
            extra: Map::new(),
            ..state.clone()
        };
        self.write(next, false);
    }

    /// Writes the same state without its request to promote a peer. Everything else stays.
    pub(super) fn drop_promotion(&mut self, state: &ClusterState) {
        self.write(ClusterState { promote: None, ..state.clone() }, false);
    }

    /// Makes the first state of a shard.
    pub(super) fn start_initial_setup(&mut self) {
        let mut state = initial(&self.me);
        if self.singleton {
            state.one_node_write_mode = Some(true);
            state.freeze = Some(json!({
                "date": self.now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
                "reason": "manatee setup: one node write mode",
            }));
        } else {
            let mut others = self.active.iter().skip(1).cloned();
            state.sync = others.next();
            state.asyncs = others.collect();
        }
        tracing::info!("creating the initial cluster state");
        self.write(state, false);
    }

    fn write(&mut self, state: ClusterState, declares: bool) {
        let state = Box::new(state);
        self.commands.push(Command::Write(state.clone()));
        self.update = Some(Update::Write { state, declares });
    }

    pub(super) fn written(&mut self, written: bool) -> Result<(), Fatal> {
        let Some(Update::Write { state, declares }) = self.update.take() else {
            return Ok(());
        };
        match (written, declares) {
            (true, true) => {
                self.generation = Some(state.generation);
                self.state = Some(*state);
                self.assume_primary()
            }
            (false, true) => {
                self.back_off("new generation", "the state was not written");
                Ok(())
            }
            (true, false) => {
                self.state = Some(*state);
                self.evaluate()
            }
            (false, false) => self.evaluate(),
        }
    }
}

/// The first generation of a primary alone, with nothing else said.
fn initial(primary: &Peer) -> ClusterState {
    ClusterState {
        generation: 1.0,
        primary: primary.clone(),
        sync: None,
        asyncs: Vec::new(),
        deposed: Vec::new(),
        init_wal: INITIAL_WAL.to_owned(),
        freeze: None,
        one_node_write_mode: None,
        promote: None,
        extra: Map::new(),
    }
}

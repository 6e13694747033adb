//! The role that a peer has, and what its role makes it do.

use super::super::state::{ClusterState, Peer, Promotion};
use super::{Fatal, Machine, Role};

impl Machine {
    /// Looks at the state, deals with one thing that is to be dealt with, and lets that lead to the next.
    pub(super) fn evaluate(&mut self) -> Result<(), Fatal> {
        if self.update.is_some() {
            // Looked at when the update is through.
            return Ok(());
        }
        let Some(state) = self.state.clone() else {
            return self.evaluate_without_state();
        };
        if self.singleton && !state.is_singleton() {
            return Err(Fatal::NotSingleton);
        }
        if self.generation != Some(state.generation) {
            self.generation = Some(state.generation);
            return self.enter_generation(&state);
        }
        // Every peer judges a request to promote, and so every peer fails where that fails.
        let promotion = state.promotion(self.now)?;
        match self.role {
            Role::Unknown | Role::Deposed => Ok(()),
            Role::Unassigned => match state.which_async(&self.me.id) {
                Some(which) => self.assume_async(&state, which),
                None => Ok(()),
            },
            Role::Async => self.evaluate_async(&state),
            Role::Sync => {
                if !self.is_present(&state.primary) {
                    self.start_takeover(&state, "primary gone", Some(state.init_wal.clone()));
                } else if promotion == Some(Ok(Promotion::Sync)) {
                    self.start_takeover(&state, "promotion", Some(state.init_wal.clone()));
                }
                Ok(())
            }
            Role::Primary => {
                self.evaluate_primary(&state, promotion);
                Ok(())
            }
        }
    }

    /// Without a state only the first peer may make one, and only if it has no data.
    fn evaluate_without_state(&mut self) -> Result<(), Fatal> {
        let first = self.active.first().is_some_and(|peer| peer.id == self.me.id);
        if !self.setup && first && (self.singleton || self.active.len() > 1) {
            self.start_initial_setup();
            Ok(())
        } else if self.role == Role::Unassigned {
            Ok(())
        } else {
            self.assume_without_postgres(Role::Unassigned)
        }
    }

    fn enter_generation(&mut self, state: &ClusterState) -> Result<(), Fatal> {
        let me = self.me.id.clone();
        let is_me = |peer: &Peer| peer.id == me;
        if self.role == Role::Primary {
            // A primary that still is does not look at its new sync.
            return if is_me(&state.primary) {
                Ok(())
            } else {
                self.assume_without_postgres(Role::Deposed)
            };
        }
        if is_me(&state.primary) {
            self.assume_primary()
        } else if state.is_singleton() {
            self.assume_without_postgres(Role::Unassigned)
        } else if state.sync.as_ref().is_some_and(is_me) {
            self.assume_sync(state)
        } else if state.deposed.iter().any(is_me) {
            self.assume_without_postgres(Role::Deposed)
        } else if let Some(which) = state.which_async(&me) {
            self.assume_async(state, which)
        } else {
            self.assume_without_postgres(Role::Unassigned)
        }
    }

    fn evaluate_async(&mut self, state: &ClusterState) -> Result<(), Fatal> {
        let Some(which) = state.which_async(&self.me.id) else {
            return self.assume_without_postgres(Role::Unassigned);
        };
        let id = |peer: &Peer| peer.id.clone();
        if state.upstream(which).map(id) == self.upstream.as_ref().map(id) {
            Ok(())
        } else {
            self.assume_async(state, which)
        }
    }

    fn evaluate_primary(
        &mut self,
        state: &ClusterState,
        promotion: Option<Result<Promotion, &'static str>>,
    ) {
        match promotion {
            Some(Err(why)) => {
                tracing::warn!(why, "dropping a request to promote a peer");
                self.drop_promotion(state);
                return;
            }
            Some(Ok(Promotion::Async(0))) if self.start_swap_with_sync(state) => return,
            Some(Ok(Promotion::Async(index))) if index > 0 => {
                let mut asyncs = state.asyncs.clone();
                asyncs.swap(index - 1, index);
                self.update_asyncs(state, asyncs);
                return;
            }
            Some(Ok(Promotion::Async(_) | Promotion::Sync)) | None => {}
        }
        if state.is_singleton() {
            if !self.singleton {
                self.start_normal_mode(state);
            }
            return;
        }
        let sync_is_there = state.sync.as_ref().is_some_and(|sync| self.is_present(sync));
        if !sync_is_there && self.start_takeover(state, "sync gone", None) {
            return;
        }
        let asyncs = self.asyncs_that_are_there(state);
        if asyncs != state.asyncs {
            self.update_asyncs(state, asyncs);
        }
    }

    /// The asyncs of the state that are present, and behind them whoever is present without a role.
    fn asyncs_that_are_there(&self, state: &ClusterState) -> Vec<Peer> {
        let known = |id: &str| {
            let others = state.asyncs.iter().chain(&state.deposed).chain(&state.sync);
            others.chain([&state.primary]).any(|peer| peer.id == id)
        };
        let stay = state.asyncs.iter().filter(|peer| self.is_present(peer));
        let join = self.active.iter().filter(|peer| !known(&peer.id));
        stay.chain(join).cloned().collect()
    }

    pub(super) fn assume_primary(&mut self) -> Result<(), Fatal> {
        self.assume(Role::Primary, None);
        self.evaluate()?;
        self.apply()
    }

    fn assume_sync(&mut self, state: &ClusterState) -> Result<(), Fatal> {
        self.assume(Role::Sync, Some(state.primary.clone()));
        self.evaluate()?;
        self.apply()
    }

    fn assume_async(&mut self, state: &ClusterState, which: usize) -> Result<(), Fatal> {
        self.assume(Role::Async, state.upstream(which).cloned());
        self.apply()
    }

    fn assume_without_postgres(&mut self, role: Role) -> Result<(), Fatal> {
        self.assume(role, None);
        self.apply()
    }

    fn assume(&mut self, role: Role, upstream: Option<Peer>) {
        let from = upstream.as_ref().map(|peer| &*peer.id);
        tracing::info!(?role, upstream = from, generation = self.generation, "assuming role");
        self.role = role;
        self.upstream = upstream;
    }
}

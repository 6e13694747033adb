//! The rules by which one state may follow another.
//!
//! A generation is an unchangeable triple of primary, sync and initial WAL position. Only two events begin the next one: the
//! primary replaces its sync, or the sync replaces the primary. Anything else written to a live shard leaves sitters that
//! disagree about who writes, so it is refused before it reaches ZooKeeper.

use crate::id::PeerId;
use crate::peer::Peer;
use crate::state::ClusterState;

/// The kind of a legal change of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// The same generation: asyncs, deposed peers, freeze, promotion or unknown members changed, or nothing did.
    Edit,
    /// The next generation: the sync took over and deposed the primary.
    SyncTookOver,
    /// The next generation: the primary chose another sync.
    NewSync,
    /// The next generation: a lone primary got its first sync.
    LeftOneNodeWriteMode,
}

/// The reason for which a state must not follow another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllegalTransition {
    /// Generations go up by one, or stay.
    #[error("generation {from} cannot be followed by {to}")]
    Generation {
        /// The one that is there.
        from: String,
        /// The one to be written.
        to: String,
    },
    /// Primary, sync and initial WAL position belong to a generation.
    #[error("{what} changed, but the generation did not")]
    Triple {
        /// The part that changed.
        what: &'static str,
    },
    /// A new generation has another primary or another sync.
    #[error("the generation changed, but neither primary nor sync did")]
    NothingNew,
    /// Only the sync can follow the primary.
    #[error("the new primary {primary} was not the sync")]
    NotTheSync {
        /// The primary to be written.
        primary: PeerId,
    },
    /// A deposed primary must be listed, or it could come back with WAL that nobody else has.
    #[error("the old primary {primary} is not among the deposed")]
    NotDeposed {
        /// The primary that is there.
        primary: PeerId,
    },
    /// Only one-node-write mode goes without a sync.
    #[error("the new generation has no sync")]
    NoSync,
    /// The new sync has to come from the chain.
    #[error("the new sync {sync} was not an async")]
    NotAnAsync {
        /// The sync to be written.
        sync: PeerId,
    },
    /// Nobody takes over a frozen shard.
    #[error("the shard is frozen: no takeover until it is unfrozen")]
    Frozen,
    /// Peers are deposed by takeovers only.
    #[error("{id} is deposed without a takeover")]
    Deposed {
        /// The peer.
        id: PeerId,
    },
    /// A deposed peer has to be reaped before it joins again.
    #[error(
        "{id} was lost: it is not among the deposed any more, which only an edit of its own may do"
    )]
    LostDeposed {
        /// The peer.
        id: PeerId,
    },
    /// The position at which generations begin only grows.
    #[error("the new generation would begin at {to}, before the old one at {from}")]
    InitWal {
        /// The position at which the old one began.
        from: String,
        /// The position at which the new one would.
        to: String,
    },
    /// There is no way back to one node.
    #[error("a shard of several peers cannot enter one-node-write mode")]
    IntoOneNodeWriteMode,
    /// One-node-write mode ends with a new generation and its first sync.
    #[error(
        "one-node-write mode ends by adding a sync in a new generation, and not by switching it off"
    )]
    OutOfOneNodeWriteMode,
}

/// Tells what the change from `old` to `new` is.
///
/// # Errors
///
/// [`IllegalTransition`] if the sitters never make it and would not all follow it.
pub fn check_transition(
    old: &ClusterState,
    new: &ClusterState,
) -> Result<Transition, IllegalTransition> {
    if new.one_node_write_mode && !old.one_node_write_mode {
        return Err(IllegalTransition::IntoOneNodeWriteMode);
    }
    if new.generation == old.generation {
        return check_edit(old, new);
    }
    if old.generation.next().as_ref() != Some(&new.generation) {
        let (from, to) = (old.generation.to_string(), new.generation.to_string());
        return Err(IllegalTransition::Generation { from, to });
    }
    check_next_generation(old, new)
}

fn check_edit(old: &ClusterState, new: &ClusterState) -> Result<Transition, IllegalTransition> {
    if old.one_node_write_mode != new.one_node_write_mode {
        return Err(IllegalTransition::OutOfOneNodeWriteMode);
    }
    if old.primary.id != new.primary.id {
        return Err(IllegalTransition::Triple { what: "the primary" });
    }
    if id_of(old.sync.as_ref()) != id_of(new.sync.as_ref()) {
        return Err(IllegalTransition::Triple { what: "the sync" });
    }
    if old.init_wal != new.init_wal {
        return Err(IllegalTransition::Triple { what: "initWal" });
    }
    match new.deposed.iter().find(|peer| !contains(&old.deposed, &peer.id)) {
        Some(peer) => Err(IllegalTransition::Deposed { id: peer.id.clone() }),
        None => Ok(Transition::Edit),
    }
}

fn check_next_generation(
    old: &ClusterState,
    new: &ClusterState,
) -> Result<Transition, IllegalTransition> {
    if old.is_frozen() {
        return Err(IllegalTransition::Frozen);
    }
    if new.init_wal.lsn() < old.init_wal.lsn() {
        let (from, to) = (old.init_wal.to_string(), new.init_wal.to_string());
        return Err(IllegalTransition::InitWal { from, to });
    }
    if let Some(lost) = old.deposed.iter().find(|peer| !contains(&new.deposed, &peer.id)) {
        return Err(IllegalTransition::LostDeposed { id: lost.id.clone() });
    }
    let same_primary = old.primary.id == new.primary.id;
    let may_be_deposed = |peer: &&Peer| same_primary || peer.id != old.primary.id;
    let newly_deposed = |peer: &&Peer| !contains(&old.deposed, &peer.id);
    if let Some(peer) = new.deposed.iter().filter(newly_deposed).find(may_be_deposed) {
        return Err(IllegalTransition::Deposed { id: peer.id.clone() });
    }
    if old.one_node_write_mode {
        return leave_one_node_write_mode(old, new);
    }
    let new_sync = id_of(new.sync.as_ref());
    if same_primary && new_sync == id_of(old.sync.as_ref()) {
        return Err(IllegalTransition::NothingNew);
    }
    if !same_primary {
        if id_of(old.sync.as_ref()) != Some(&new.primary.id) {
            return Err(IllegalTransition::NotTheSync { primary: new.primary.id.clone() });
        }
        if !contains(&new.deposed, &old.primary.id) {
            return Err(IllegalTransition::NotDeposed { primary: old.primary.id.clone() });
        }
    }
    let sync = new_sync.ok_or(IllegalTransition::NoSync)?;
    if !contains(&old.asyncs, sync) {
        return Err(IllegalTransition::NotAnAsync { sync: sync.clone() });
    }
    Ok(if same_primary { Transition::NewSync } else { Transition::SyncTookOver })
}

fn leave_one_node_write_mode(
    old: &ClusterState,
    new: &ClusterState,
) -> Result<Transition, IllegalTransition> {
    if old.primary.id != new.primary.id {
        return Err(IllegalTransition::NotTheSync { primary: new.primary.id.clone() });
    }
    if new.one_node_write_mode || new.sync.is_none() {
        return Err(IllegalTransition::OutOfOneNodeWriteMode);
    }
    Ok(Transition::LeftOneNodeWriteMode)
}

fn id_of(peer: Option<&Peer>) -> Option<&PeerId> {
    peer.map(|peer| &peer.id)
}

fn contains(peers: &[Peer], id: &PeerId) -> bool {
    peers.iter().any(|peer| peer.id == *id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Generation, InitWal};
    use crate::testdata::example;

    fn later(state: &mut ClusterState) {
        state.generation = state.generation.next().unwrap();
        state.init_wal = InitWal::from("2D/0".parse::<crate::Lsn>().unwrap());
    }

    fn take_over(state: &mut ClusterState) {
        later(state);
        let sync = state.sync.replace(state.asyncs.remove(0)).unwrap();
        let deposed = std::mem::replace(&mut state.primary, sync);
        state.deposed.push(deposed);
    }

    fn changed(
        name: &str,
        change: impl FnOnce(&mut ClusterState),
    ) -> Result<Transition, IllegalTransition> {
        let old = example(name);
        let mut new = old.clone();
        change(&mut new);
        check_transition(&old, &new)
    }

    #[test]
    fn the_examples_follow_each_other() {
        assert_eq!(check_transition(&example("e1"), &example("e2")), Ok(Transition::Edit));
        assert_eq!(check_transition(&example("e1"), &example("e5")), Ok(Transition::SyncTookOver));
    }

    #[test]
    fn what_sitters_and_manatee_adm_write_is_legal() {
        assert_eq!(changed("e1", take_over), Ok(Transition::SyncTookOver));
        assert_eq!(changed("e1", |s| s.asyncs.clear()), Ok(Transition::Edit));
        assert_eq!(changed("e2", |s| s.asyncs.clear()), Ok(Transition::Edit), "frozen too");
        assert_eq!(changed("e5", |s| s.deposed.clear()), Ok(Transition::Edit), "reap");
        assert_eq!(changed("e4", |s| s.asyncs.swap(0, 1)), Ok(Transition::Edit), "promoted async");
        let swapped = changed("e1", |s| {
            later(s);
            let old = s.sync.replace(s.asyncs.remove(0)).unwrap();
            s.asyncs.insert(0, old);
        });
        assert_eq!(swapped, Ok(Transition::NewSync));
        let joined = changed("e3", |s| {
            s.freeze = None;
            later(s);
            s.one_node_write_mode = false;
            s.sync = example("e1").sync;
        });
        assert_eq!(joined, Err(IllegalTransition::Frozen));
    }

    #[test]
    fn a_lone_primary_gets_a_sync_in_a_new_generation() {
        let mut old = example("e3");
        old.freeze = None;
        let mut new = old.clone();
        new.one_node_write_mode = false;
        assert_eq!(check_transition(&old, &new), Err(IllegalTransition::OutOfOneNodeWriteMode));
        later(&mut new);
        assert_eq!(check_transition(&old, &new), Err(IllegalTransition::OutOfOneNodeWriteMode));
        new.sync = example("e1").sync;
        assert_eq!(check_transition(&old, &new), Ok(Transition::LeftOneNodeWriteMode));
        let back = check_transition(&new, &old);
        assert_eq!(back, Err(IllegalTransition::IntoOneNodeWriteMode));
    }

    #[test]
    fn everything_else_is_refused() {
        use IllegalTransition as Illegal;
        let primary = example("e1").primary.id;
        let deposed_async = example("e1").asyncs[0].id.clone();
        assert_eq!(changed("e2", take_over), Err(Illegal::Frozen));
        assert_eq!(changed("e1", later), Err(Illegal::NothingNew));
        let back = changed("e1", |s| s.generation = Generation::new(3));
        assert_eq!(back, Err(Illegal::Generation { from: "4".into(), to: "3".into() }));
        let skipped = changed("e1", |s| s.generation = Generation::new(6));
        assert_eq!(skipped, Err(Illegal::Generation { from: "4".into(), to: "6".into() }));
        let swapped = changed("e1", |s| {
            let sync = s.sync.take().unwrap();
            s.sync = Some(std::mem::replace(&mut s.asyncs[0], sync));
        });
        assert_eq!(swapped, Err(Illegal::Triple { what: "the sync" }));
        let wal = changed("e1", |s| s.init_wal = InitWal::unarmed());
        assert_eq!(wal, Err(Illegal::Triple { what: "initWal" }));
        let forgotten = changed("e1", |s| {
            take_over(s);
            s.deposed.clear();
        });
        assert_eq!(forgotten, Err(Illegal::NotDeposed { primary: primary.clone() }));
        let deposed = changed("e1", |s| s.deposed = std::mem::take(&mut s.asyncs));
        assert_eq!(deposed, Err(Illegal::Deposed { id: deposed_async.clone() }));
        let jumped = changed("e1", |s| {
            later(s);
            let old = std::mem::replace(&mut s.primary, s.asyncs.remove(0));
            s.deposed.push(old);
        });
        assert_eq!(jumped, Err(Illegal::NotTheSync { primary: deposed_async }));
        let alone = changed("e1", |s| {
            later(s);
            s.sync = None;
        });
        assert_eq!(alone, Err(Illegal::NoSync));
        let stranger = changed("e1", |s| {
            take_over(s);
            s.sync = Some(example("e4").asyncs.remove(3));
        });
        assert!(matches!(stranger, Err(Illegal::NotAnAsync { .. })), "{stranger:?}");
        let earlier = changed("e1", |s| {
            take_over(s);
            s.init_wal = InitWal::unarmed();
        });
        let expected = Illegal::InitWal { from: "2C/5A0001F8".into(), to: "0/00000000".into() };
        assert_eq!(earlier, Err(expected));
        let lost = changed("e5", |s| {
            later(s);
            s.sync = s.deposed.pop();
        });
        assert_eq!(lost, Err(Illegal::LostDeposed { id: primary }));
    }
}

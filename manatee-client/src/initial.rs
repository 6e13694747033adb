//! The first state of a new shard.

use crate::freeze_mark::Freeze;
use crate::peer::Peer;
use crate::state::{ClusterState, Generation, InitWal, StateError};

/// The first state of a shard whose peers have their data already, as when the tail of another shard's chain moves out.
///
/// The peers are in the order of the chain: primary, sync, asyncs. They come up seconds apart, and unfrozen the sync would
/// depose a primary that is merely late, so the shard begins frozen. `init_wal` is the position that the sync must have
/// replayed before it may ever take over from the primary; `0/0` ([`crate::Lsn::ZERO`]) would let it do so however far behind.
///
/// # Errors
///
/// [`InitialStateError::TooFewPeers`] for fewer than two peers, [`InitialStateError::Unsafe`] if sitters would die of the
/// state, e.g. because one peer is there twice.
pub fn initial_state(
    chain: Vec<Peer>,
    init_wal: impl Into<InitWal>,
    freeze: Freeze,
) -> Result<ClusterState, InitialStateError> {
    first_generation(chain, init_wal.into(), Some(freeze))
}

/// The first state that the sitters themselves write when several empty peers meet: the peers sorted by id as text, not
/// frozen, and the sync free to take over however far behind.
///
/// # Errors
///
/// As [`initial_state`].
pub fn founding_state(mut active: Vec<Peer>) -> Result<ClusterState, InitialStateError> {
    active.sort_by(|a, b| a.id.cmp(&b.id));
    first_generation(active, InitWal::unarmed(), None)
}

/// The first state of a shard of one peer that is writable without a sync, as a sitter configured so writes it.
///
/// # Errors
///
/// [`InitialStateError::Unsafe`] if the sitter would die of the state.
pub fn singleton_state(
    peer: Peer,
    date: jiff::Timestamp,
) -> Result<ClusterState, InitialStateError> {
    let freeze = Freeze::without_owner(date, "manatee setup: one node write mode");
    checked(ClusterState {
        generation: Generation::new(1),
        primary: peer,
        sync: None,
        asyncs: Vec::new(),
        deposed: Vec::new(),
        init_wal: InitWal::unarmed(),
        freeze: Some(freeze),
        one_node_write_mode: true,
        promote: None,
        other: serde_json::Map::new(),
    })
}

fn first_generation(
    chain: Vec<Peer>,
    init_wal: InitWal,
    freeze: Option<Freeze>,
) -> Result<ClusterState, InitialStateError> {
    let peers = chain.len();
    let mut chain = chain.into_iter();
    let (Some(primary), Some(sync)) = (chain.next(), chain.next()) else {
        return Err(InitialStateError::TooFewPeers { peers });
    };
    checked(ClusterState {
        generation: Generation::new(1),
        primary,
        sync: Some(sync),
        asyncs: chain.collect(),
        deposed: Vec::new(),
        init_wal,
        freeze,
        one_node_write_mode: false,
        promote: None,
        other: serde_json::Map::new(),
    })
}

fn checked(state: ClusterState) -> Result<ClusterState, InitialStateError> {
    match state.to_checked_json() {
        Ok(_) => Ok(state),
        Err(source) => Err(InitialStateError::Unsafe { source }),
    }
}

/// The reason for which these peers make no shard.
#[derive(Debug, thiserror::Error)]
pub enum InitialStateError {
    /// A shard that replicates has two peers at least.
    #[error("a shard needs a primary and a sync, and {peers} peers are too few for that")]
    TooFewPeers {
        /// The number of them.
        peers: usize,
    },
    /// The state must not be written.
    #[error("these peers make no state that sitters can live with")]
    Unsafe {
        /// Every reason.
        #[source]
        source: StateError,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Lsn;
    use crate::id::ZoneId;

    fn peer(last: u8) -> Peer {
        let zone = format!("aa10c0de-{last:04}-4000-8000-000000000001");
        Peer::new(ZoneId::from(zone.as_str()), &format!("10.0.0.{last}"), 5432, 12345)
    }

    fn freeze() -> Freeze {
        Freeze::new(jiff::Timestamp::UNIX_EPOCH, "plan 7", "plan-7")
    }

    #[test]
    fn a_moved_chain_keeps_its_order_and_begins_frozen() {
        let lsn: Lsn = "2C/5A0001F8".parse().unwrap();
        let state = initial_state(vec![peer(9), peer(10), peer(11)], lsn, freeze()).unwrap();
        let ips: Vec<_> = state.chain().map(|peer| peer.ip.as_str()).collect();
        assert_eq!(ips, ["10.0.0.9", "10.0.0.10", "10.0.0.11"]);
        assert_eq!(state.generation.count(), Some(1));
        assert_eq!(state.init_wal.as_str(), "2C/5A0001F8");
        assert!(state.is_frozen());
    }

    #[test]
    fn sitters_found_a_shard_in_the_order_of_the_text() {
        let state = founding_state(vec![peer(9), peer(11), peer(10)]).unwrap();
        let ips: Vec<_> = state.chain().map(|peer| peer.ip.as_str()).collect();
        assert_eq!(ips, ["10.0.0.10", "10.0.0.11", "10.0.0.9"]);
        assert!(!state.is_frozen());
    }

    #[test]
    fn peers_that_make_no_shard_are_refused() {
        let one = initial_state(vec![peer(1)], Lsn::ZERO, freeze());
        assert!(matches!(one, Err(InitialStateError::TooFewPeers { peers: 1 })));
        let twice = initial_state(vec![peer(1), peer(2), peer(1)], Lsn::ZERO, freeze());
        assert!(matches!(twice, Err(InitialStateError::Unsafe { .. })));
        let mut silent = peer(1);
        silent.backup_url = None;
        assert!(matches!(
            founding_state(vec![silent, peer(2)]),
            Err(InitialStateError::Unsafe { .. })
        ));
    }

    #[test]
    fn a_lone_peer_is_the_example() {
        let example = crate::testdata::example("e3");
        let date = "2024-01-02T03:04:05.678Z".parse().unwrap();
        assert_eq!(singleton_state(example.primary.clone(), date).unwrap(), example);
    }
}

//! The first state of a new shard.

use jiff::Timestamp;
use manatee_client::{
    ClusterState, Established, Freeze, InitialStateError, Lsn, Peer, Shard, ShardError,
    initial_state, singleton_state,
};

use super::freeze::reason;
use crate::plan::{Layout, PlanUuid};
use crate::retryable::Retryable;

/// The first state of a new shard, frozen by the plan: the peers in the order of their chain, with their data up to `split` at
/// least, which a sync must have replayed before it may ever take over. One peer alone gets the state that sitters write for
/// one, with the freeze that belongs to that.
///
/// # Errors
///
/// [`InitialStateError`], e.g. for too few peers.
pub fn first_state(
    layout: Layout,
    chain: Vec<Peer>,
    split: Lsn,
    plan: PlanUuid,
    at: Timestamp,
) -> Result<ClusterState, InitialStateError> {
    if layout == Layout::ThreePeers {
        return initial_state(chain, split, freeze(plan, at));
    }
    match <[Peer; 1]>::try_from(chain) {
        Ok([peer]) => singleton_state(peer, at),
        Err(chain) => Err(InitialStateError::TooFewPeers { peers: chain.len() }),
    }
}

fn freeze(plan: PlanUuid, at: Timestamp) -> Freeze {
    Freeze::new(at, &reason(plan), &plan.to_string())
}

/// The beginning of a new shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Began {
    /// This call wrote its state.
    Now,
    /// An earlier one did.
    Before,
}

/// Gives a new shard its first state. One that began with it before, and whose sitters have written since, is left alone.
///
/// # Errors
///
/// [`EstablishError::Other`] if there is another shard of this name; [`EstablishError::Shard`].
pub async fn establish(shard: &Shard, state: &ClusterState) -> Result<Began, EstablishError> {
    match shard.establish(state).await {
        Ok(Established::Written) => Ok(Began::Now),
        Ok(Established::AlreadyThere) => Ok(Began::Before),
        Err(ShardError::AlreadyEstablished { .. }) => {
            let found = shard.read_existing().await?.state;
            if is_of(&found, state) {
                return Ok(Began::Before);
            }
            let (shard, primary) = (shard.name().to_string(), found.primary.zone_id.to_string());
            Err(EstablishError::Other { shard, primary })
        }
        Err(error) => Err(error.into()),
    }
}

/// Tells whether a state is that of the shard that began with `first`: the same generation, however asyncs came and went.
pub fn is_of(found: &ClusterState, first: &ClusterState) -> bool {
    let zone = |peer: &Option<Peer>| peer.as_ref().map(|peer| peer.zone_id.clone());
    found.generation == first.generation
        && found.primary.zone_id == first.primary.zone_id
        && zone(&found.sync) == zone(&first.sync)
        && found.init_wal == first.init_wal
}

/// A new shard cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EstablishError {
    /// There is another one.
    #[error(
        "there is a shard {shard} already, and it is not the new one: its primary is {primary}"
    )]
    Other {
        /// Its name.
        shard: String,
        /// Its primary's zone.
        primary: String,
    },
    /// ZooKeeper, or what is in it.
    #[error(transparent)]
    Shard(#[from] ShardError),
}

impl Retryable for EstablishError {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Shard(error) if error.may_pass())
    }
}

#[cfg(test)]
mod tests {
    use manatee_client::ZoneId;

    use super::*;

    fn peer(number: u8) -> Peer {
        let zone = format!("aa10c0de-{number:04}-4000-8000-000000000001");
        Peer::new(ZoneId::from(zone.as_str()), &format!("10.0.0.{number}"), 5432, 12345)
    }

    fn state(layout: Layout, peers: &[u8]) -> Result<ClusterState, InitialStateError> {
        let chain = peers.iter().map(|number| peer(*number)).collect();
        let split = "2C/5A0001F8".parse().unwrap();
        let plan = "3d0e5c1a-7b1f-4b6e-9a41-6f3d7f0e2b55".parse().unwrap();
        first_state(layout, chain, split, plan, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn three_peers_are_primary_sync_and_async_from_the_real_position_on() {
        let state = state(Layout::ThreePeers, &[6, 4, 5]).unwrap();
        let chain: Vec<_> = state.chain().map(|peer| peer.ip.as_str()).collect();
        assert_eq!(chain, ["10.0.0.6", "10.0.0.4", "10.0.0.5"]);
        assert_eq!(state.init_wal.as_str(), "2C/5A0001F8");
        let plan = "3d0e5c1a-7b1f-4b6e-9a41-6f3d7f0e2b55";
        assert_eq!(state.freeze.as_ref().unwrap().owner(), Some(plan));
        assert_eq!(state.freeze.as_ref().unwrap().reason(), Some(&*format!("reshard plan {plan}")));
    }

    #[test]
    fn one_peer_is_alone() {
        let alone = state(Layout::OnePeer, &[4]).unwrap();
        assert!(alone.one_node_write_mode && alone.sync.is_none() && alone.is_frozen());
        assert!(state(Layout::ThreePeers, &[4]).is_err());
        assert!(state(Layout::OnePeer, &[]).is_err());
    }

    #[test]
    fn a_shard_is_known_again_whatever_its_asyncs_did() {
        let first = state(Layout::ThreePeers, &[4, 5, 6]).unwrap();
        let mut later = first.clone();
        later.asyncs.clear();
        later.freeze = None;
        assert!(is_of(&later, &first));
        let other = state(Layout::ThreePeers, &[5, 4, 6]).unwrap();
        assert!(!is_of(&other, &first));
    }
}

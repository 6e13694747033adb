//! The place of new peers in a shard's chain.

use manatee_client::{ClusterState, Peer, Role};
use sapi_client::InstanceUuid;

/// The peers of these zones in the order of the chain, if they are its end: asyncs that no other peer streams from. Only such
/// peers can leave without taking anything from others.
///
/// # Errors
///
/// [`ChainError`]
pub fn tail_of(state: &ClusterState, zones: &[InstanceUuid]) -> Result<Vec<Peer>, ChainError> {
    let ids: Vec<String> = zones.iter().map(ToString::to_string).collect();
    let is_new = |peer: &Peer| ids.iter().any(|id| id == peer.zone_id.as_str());
    for (zone, id) in zones.iter().zip(&ids) {
        match state.peers().find(|(_, peer)| peer.zone_id.as_str() == id) {
            Some((Role::Async, _)) => {}
            Some((role, _)) => return Err(ChainError::Role { zone: *zone, role }),
            None => return Err(ChainError::Missing { zone: *zone }),
        }
    }
    let tail: Vec<Peer> = state.chain().skip_while(|peer| !is_new(peer)).cloned().collect();
    match tail.iter().find(|peer| !is_new(peer)) {
        Some(other) => Err(ChainError::InFront { other: other.zone_id.to_string() }),
        None => Ok(tail),
    }
}

/// New peers are not the end of the chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// One is not in the chain: its sitter has not joined, or was away for longer than its session lasts.
    #[error("the peer {zone} is not in the chain")]
    Missing {
        /// Its zone.
        zone: InstanceUuid,
    },
    /// One is no async.
    #[error("the peer {zone} is not an async but {role}")]
    Role {
        /// Its zone.
        zone: InstanceUuid,
        /// Its role.
        role: Role,
    },
    /// Another peer streams from a new one.
    #[error("the peer {other}, which is not new, is behind a new one in the chain")]
    InFront {
        /// The other peer's zone.
        other: String,
    },
}

#[cfg(test)]
mod tests {
    use manatee_client::{Freeze, Lsn, ZoneId, initial_state};

    use super::*;

    fn uuid(number: u8) -> InstanceUuid {
        format!("aa10c0de-{number:04}-4000-8000-000000000001").parse().unwrap()
    }

    fn state(chain: &[u8]) -> ClusterState {
        let peer = |number: &u8| {
            let zone = uuid(*number).to_string();
            Peer::new(ZoneId::from(zone.as_str()), &format!("10.0.0.{number}"), 5432, 12345)
        };
        let freeze = Freeze::new(jiff::Timestamp::UNIX_EPOCH, "plan", "plan");
        initial_state(chain.iter().map(peer).collect(), Lsn::ZERO, freeze).unwrap()
    }

    #[test]
    fn new_peers_come_in_the_order_of_the_chain() {
        let tail = tail_of(&state(&[1, 2, 3, 5, 4]), &[uuid(4), uuid(5)]).unwrap();
        let ips: Vec<_> = tail.iter().map(|peer| peer.ip.as_str()).collect();
        assert_eq!(ips, ["10.0.0.5", "10.0.0.4"]);
    }

    #[test]
    fn others_behind_them_missing_ones_and_other_roles_are_told() {
        let error = tail_of(&state(&[1, 2, 4, 3]), &[uuid(4)]).unwrap_err();
        assert_eq!(error, ChainError::InFront { other: uuid(3).to_string() });
        let error = tail_of(&state(&[1, 2, 3]), &[uuid(3), uuid(4)]).unwrap_err();
        assert_eq!(error, ChainError::Missing { zone: uuid(4) });
        let error = tail_of(&state(&[1, 2, 3]), &[uuid(2)]).unwrap_err();
        assert_eq!(error, ChainError::Role { zone: uuid(2), role: Role::Sync });
    }
}

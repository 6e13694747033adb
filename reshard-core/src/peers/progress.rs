//! The progress of new peers: their restore, then their replay.

use futures_util::future::join_all;
use manatee_client::{ClusterState, Downstream, Lsn, Peer, downstream_named};

use super::restore::restore_of;
use crate::causes::Chain;
use crate::deployment::Deployment;
use crate::quantity::bytes;

/// The progress of a peer.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerProgress {
    /// The peer.
    pub peer: Peer,
    /// Its present work.
    pub standing: ReplicaState,
}

/// The present work of a new peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicaState {
    /// It copies the database.
    Restoring {
        /// Bytes that are there.
        completed: u64,
        /// All of them, by estimate.
        size: u64,
    },
    /// It replays.
    Replaying {
        /// Up to here.
        replayed: Lsn,
        /// The number of bytes that are missing up to what was asked for.
        missing: u64,
        /// True if it streams from the peer before it, which knows it.
        attached: bool,
    },
    /// It does neither, for this reason.
    Unreachable(String),
}

/// Tells how far these peers of the shard are on their way to `target`, a position of the shard's primary.
pub async fn follow(
    deployment: &Deployment,
    state: &ClusterState,
    peers: &[Peer],
    target: Lsn,
) -> Vec<PeerProgress> {
    let all = peers.iter().map(async |peer| {
        let standing = standing(deployment, state, peer, target).await;
        PeerProgress { peer: peer.clone(), standing }
    });
    join_all(all).await
}

async fn standing(
    deployment: &Deployment,
    state: &ClusterState,
    peer: &Peer,
    target: Lsn,
) -> ReplicaState {
    let endpoint = match peer.endpoint() {
        Ok(endpoint) => endpoint,
        Err(error) => return ReplicaState::Unreachable(error.to_string()),
    };
    match deployment.databases().replay_position(&endpoint).await {
        Ok(Some(replayed)) => ReplicaState::Replaying {
            replayed,
            missing: target.bytes_after(replayed),
            attached: is_attached(deployment, state, peer).await,
        },
        Ok(None) => ReplicaState::Unreachable("its PostgreSQL replays nothing".to_owned()),
        // While it copies the database, no server runs.
        Err(error) => match restore_of(deployment, peer).await {
            Ok(Some(restore)) if restore.done == Some(false) => ReplicaState::Restoring {
                completed: restore.completed.unwrap_or(0),
                size: restore.size.unwrap_or(0),
            },
            Ok(Some(restore)) if restore.done.is_none() => {
                ReplicaState::Unreachable("its restore failed; its sitter tries again".to_owned())
            }
            // What runs neither does not tell of its restore either: that it does not run is what matters.
            Ok(_) | Err(_) => ReplicaState::Unreachable(Chain(&error).to_string()),
        },
    }
}

/// Tells whether the peer before it in the chain has it as a standby that streams.
async fn is_attached(deployment: &Deployment, state: &ClusterState, peer: &Peer) -> bool {
    let mut before = state.chain().zip(state.chain().skip(1));
    let Some((upstream, _)) = before.find(|(_, downstream)| downstream.id == peer.id) else {
        return false;
    };
    let Ok(endpoint) = upstream.endpoint() else { return false };
    match deployment.databases().downstreams(&endpoint).await {
        Ok(rows) => downstream_named(&rows, &peer.pg_url).is_some_and(Downstream::is_streaming),
        Err(_) => false,
    }
}

impl ReplicaState {
    /// Tells whether the peer has replayed up to `slack` bytes before the target, and streams.
    pub fn is_within(&self, slack: u64) -> bool {
        matches!(self, Self::Replaying { missing, attached: true, .. } if *missing <= slack)
    }
}

impl std::fmt::Display for PeerProgress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let peer = self.peer.zone_id.label();
        match &self.standing {
            ReplicaState::Restoring { completed, size } => {
                write!(f, "{peer} has copied {} of about {}", bytes(*completed), bytes(*size))
            }
            ReplicaState::Replaying { missing, attached: true, .. } => {
                write!(f, "{peer} is {} behind", bytes(*missing))
            }
            ReplicaState::Replaying { missing, attached: false, .. } => {
                write!(f, "{peer} is {} behind and does not stream", bytes(*missing))
            }
            ReplicaState::Unreachable(why) => write!(f, "{peer} does not replicate: {why}"),
        }
    }
}

//! Peers of a shard: their place in the chain, and how far their restore and replication are.

mod chain;
mod progress;
mod restore;
mod status;

pub use self::chain::{ChainError, tail_of};
pub use self::progress::{PeerProgress, ReplicaState, follow};
pub use self::restore::{Restore, RestoreError, restore_of};
pub use self::status::{ChainStatus, PeerPlace, PeerStatus, RestoreStatus, chain_status};

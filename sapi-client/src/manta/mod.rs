//! Manta in SAPI: the application `manta`, its metadata, and the peers of its shards.

mod application;
mod peers;
mod shards;

pub use application::{FindError, MantaApplication, ZkServer};
pub use peers::{Peer, PeersError, find_peers};
pub use shards::{INDEX_MORAY_SHARDS, Shard, ShardList};

/// Metadata that is not as Manta needs it. The value is not shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the metadata {key} of the application manta is not as it should be")]
pub struct MetadataError {
    /// The metadata's name.
    pub key: &'static str,
    /// The problem with it.
    #[source]
    pub problem: MetadataProblem,
}

/// The problem with metadata.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataProblem {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// It is something else.
    #[error("is not {0}")]
    Type(&'static str),
    /// It names a host twice.
    #[error("names the host {0:?} twice")]
    Duplicate(String),
}

//! Errors of reading an inventory.

use std::path::PathBuf;

use manatee_client::{
    BadPgUrl, DumpLockError, LockError, PostgresError, ShardError, ShardName, ZoneId,
    ZooKeeperError,
};
use sapi_client::InstanceUuid;
use sapi_client::manta::{FindError, MetadataError, MetadataProblem, PeersError};

use crate::deployment::{DatabaseError, DeploymentError, ZoneCommandError};
use crate::hint::{Hint, Operation, hint};
use crate::retryable::{Retryable, look};
use crate::rows::RowsError;

/// The inventory could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InventoryError {
    /// The configuration does not name what is there.
    #[error("the configuration does not fit the region")]
    Deployment(#[from] DeploymentError),
    /// There is not one application `manta`.
    #[error("SAPI has no application manta that can be used")]
    Manta(#[from] FindError),
    /// Metadata of the application is missing or wrong.
    #[error("SAPI's application manta cannot be used")]
    Metadata(#[from] MetadataError),
    /// It cannot be seen which names are reserved.
    #[error("cannot see which names of shards other plans have reserved")]
    Reserved(#[from] LockError),
    /// Zones are not as they should be.
    #[error("SAPI and VMAPI do not make sense")]
    Peers(#[from] PeersError),
    /// There is not one service of a name.
    #[error("the application manta has {count} services named {name}, not one")]
    NotOneService {
        /// The name.
        name: &'static str,
        /// The number of them.
        count: usize,
    },
    /// An API could not be asked.
    #[error("cannot read {what}")]
    Api {
        /// The thing that was asked for.
        what: String,
        /// The cause.
        source: sapi_client::Error,
    },
    /// The shard's state could not be read.
    #[error("cannot read the state of the shard {shard}")]
    Shard {
        /// The shard.
        shard: ShardName,
        /// The cause.
        source: Box<ShardError>,
    },
    /// ZooKeeper could not be asked.
    #[error("cannot list the shards in ZooKeeper")]
    ZooKeeper(#[from] ZooKeeperError),
    /// The state's generation is no count.
    #[error("the generation {generation} of the shard {shard} is not a whole number")]
    Generation {
        /// The shard.
        shard: ShardName,
        /// The generation.
        generation: String,
    },
    /// A peer of the state has no zone that SAPI knows.
    #[error(
        "the shard {shard} has a peer in the zone {zone}, which is no postgres instance of that shard in SAPI"
    )]
    UnknownPeer {
        /// The shard.
        shard: ShardName,
        /// The peer's zone.
        zone: ZoneId,
    },
    /// A zone has no address.
    #[error("VMAPI knows no primary address of the zone {0}")]
    NoAddress(InstanceUuid),
    /// A zone has no alias.
    #[error("VMAPI knows no alias of the zone {0}")]
    NoAlias(InstanceUuid),
    /// A peer's URL is none.
    #[error("the peer in the zone {zone} has a pgUrl that cannot be used")]
    PgUrl {
        /// The peer's zone.
        zone: ZoneId,
        /// The problem.
        source: BadPgUrl,
    },
    /// A PostgreSQL server did not answer.
    #[error("PostgreSQL of the peer in the zone {zone} does not answer")]
    Postgres {
        /// The peer's zone.
        zone: ZoneId,
        /// The cause.
        source: PostgresError,
    },
    /// The tables of a shard cannot be listed.
    #[error("the tables of the shard {shard} cannot be listed")]
    Tables {
        /// The shard.
        shard: ShardName,
        /// The cause.
        source: Box<RowsError>,
    },
    /// A shard's database did not answer.
    #[error("the database of the shard {shard} does not answer")]
    Database {
        /// The shard.
        shard: ShardName,
        /// The cause.
        source: Box<DatabaseError>,
    },
    /// A script in a zone failed.
    #[error("cannot look into a zone")]
    Zone(#[from] ZoneCommandError),
    /// The output of a script makes no sense.
    #[error("the zone {zone} says {line:?} of its electric-moray, which makes no sense")]
    Router {
        /// The zone.
        zone: InstanceUuid,
        /// The line.
        line: String,
    },
    /// SAPI names an image that is not there.
    #[error(
        "HASH_RING_IMAGE in SAPI names the image {image}, which IMGAPI at {imgapi} does not have"
    )]
    NoRingImage {
        /// The image.
        image: sapi_client::ImageUuid,
        /// The address of IMGAPI.
        imgapi: String,
    },
    /// The image of the ring has no file.
    #[error("the image {0} of the ring has no file: it was never uploaded completely")]
    NoRingFile(sapi_client::ImageUuid),
    /// The directory for downloads cannot be used.
    #[error("cannot use the directory {path} for downloads")]
    Cache {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The image is no ring.
    #[error("the image {image} cannot be unpacked")]
    Image {
        /// The image.
        image: sapi_client::ImageUuid,
        /// The cause.
        source: Box<fash::ImageError>,
    },
    /// The ring cannot be read.
    #[error("the ring in the image {image} cannot be read")]
    Ring {
        /// The image.
        image: sapi_client::ImageUuid,
        /// The cause.
        source: Box<fash::StoreError>,
    },
    /// The holders of the lock that keeps dumps away cannot be read.
    #[error(transparent)]
    DumpLock(#[from] DumpLockError),
    /// The list of shards makes no sense.
    #[error("SAPI's INDEX_MORAY_SHARDS cannot be used")]
    ShardList(#[source] MetadataProblem),
    /// A task of this program ended.
    #[error("reading the ring was broken off")]
    BrokenOff(#[source] tokio::task::JoinError),
}

impl InventoryError {
    pub(crate) fn api(what: impl Into<String>) -> impl FnOnce(sapi_client::Error) -> Self {
        let what = what.into();
        move |source| Self::Api { what, source }
    }

    /// Advice that goes with the message, if there is any.
    pub fn hint(&self) -> Option<Hint> {
        let Self::UnknownPeer { shard, .. } = self else { return None };
        Some(hint!(Operation::CheckShard { shard: shard.clone() }, " tells more"))
    }
}

impl Retryable for InventoryError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Api { source, .. }
            | Self::Manta(FindError::Call(source))
            | Self::Peers(PeersError::Call { source, .. }) => source.may_pass(),
            Self::Shard { source, .. } => source.may_pass(),
            Self::ZooKeeper(source) => source.may_pass(),
            Self::Reserved(source) => source.may_pass(),
            Self::Database { source, .. } => source.may_pass(),
            Self::Tables { source, .. } => source.may_pass(),
            Self::Zone(source) => source.may_pass(),
            // Servers come and go, and zones are half made for a moment.
            Self::Postgres { .. } | Self::UnknownPeer { .. } | Self::BrokenOff(_) => true,
            Self::Deployment(source) => source.may_pass(),
            Self::DumpLock(source) => source.may_pass(),
            Self::Manta(_)
            | Self::Metadata(_)
            | Self::Peers(_)
            | Self::NotOneService { .. }
            | Self::Generation { .. }
            | Self::NoAddress(_)
            | Self::NoAlias(_)
            | Self::PgUrl { .. }
            | Self::Router { .. }
            | Self::NoRingImage { .. }
            | Self::NoRingFile(_)
            | Self::Cache { .. }
            | Self::Image { .. }
            | Self::Ring { .. }
            | Self::ShardList(_) => false,
        }
    }

    fn remedy(&self) -> Hint {
        match self.hint() {
            Some(hint) => hint!(hint, "; when it is fixed, ", Operation::Resume),
            None => look(),
        }
    }
}

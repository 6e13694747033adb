//! The inventory: what is there before a plan changes it. A plan contains the one that it was made from; the same is read again
//! before the plan runs, and any difference that matters is drift.

mod drift;
mod error;
mod gather;
mod ring;
mod routers;
mod servers;
mod shard;
mod split;

pub use self::drift::{Drift, DriftSeverity, Expected, drift};
pub use self::error::InventoryError;
pub use self::gather::gather;
pub(crate) use self::gather::{manta_services, router_name, services_of};
pub use self::ring::{pnode_name, read_ring};
pub(crate) use self::routers::AT_ONCE;
pub use self::routers::{
    ClockReading, InstanceProbe, RingsLock, RouterProbe, Stamped, probe_router,
};
pub(crate) use self::servers::free_bytes;
pub(crate) use self::shard::{shard_state, zone_facts, zones_of};

use std::collections::BTreeMap;

use jiff::Timestamp;
use manatee_client::{Peer, Role, ShardName};
use sapi_client::{AccountUuid, ApplicationUuid, ImageUuid, InstanceUuid, ServerUuid, ServiceUuid};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::deployment::ZonePlace;
use crate::keys::KeyHash;
use crate::measure::Measurement;
use crate::rows::Tables;

/// Everything about a region that a plan depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// The time at which it was read.
    pub taken: Timestamp,
    /// The region.
    pub region: String,
    /// The domain below which the region is.
    pub dns_domain: String,
    /// Manta in SAPI.
    pub application: ApplicationUuid,
    /// The owner of Manta's zones and images.
    pub poseidon: AccountUuid,
    /// The services that new instances belong to.
    pub services: Services,
    /// The ring that the routers use.
    pub ring: RingFacts,
    /// SAPI's `INDEX_MORAY_SHARDS`, as it is.
    pub index_shards: Value,
    /// The shard that holds what is not sharded, SAPI's `STORAGE_MORAY_SHARD`.
    pub storage_shard: String,
    /// SAPI's `MARLIN_MORAY_SHARD`, where there is one.
    pub marlin_shard: Option<String>,
    /// The names of all shards that SAPI, ZooKeeper or the ring know, so that a new one is new.
    pub shard_names: Vec<ShardName>,
    /// The shards that vnodes move from, by name.
    pub shards: BTreeMap<ShardName, ShardFacts>,
    /// The electric-moray zones.
    pub routers: Vec<RouterFacts>,
    /// The servers that zones may be put on.
    pub servers: Vec<ServerFacts>,
    /// Rows and bytes of the source's vnodes; absent where they were not counted.
    pub measurement: Option<Measurement>,
}

/// SAPI's services of what a plan creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Services {
    /// `postgres`
    pub postgres: ServiceUuid,
    /// `moray`
    pub moray: ServiceUuid,
}

/// The ring that SAPI names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingFacts {
    /// Its image.
    pub image: ImageUuid,
    /// The image file's SHA-1, in hexadecimal digits.
    pub sha1: String,
    /// The image file's size in bytes.
    pub size: u64,
    /// The IMGAPI that has it.
    pub imgapi: String,
    /// The number of vnodes.
    pub vnode_count: u32,
    /// The hashing of its keys: where rows without a vnode belong.
    pub hashing: KeyHash,
    /// Every shard with its vnodes.
    pub pnodes: Vec<PnodeFacts>,
}

/// A pnode of the ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PnodeFacts {
    /// Its name, such as `tcp://1.moray.coal.joyent.us:2020`.
    pub pnode: String,
    /// Its vnodes.
    pub vnodes: crate::VnodeSet,
}

impl PnodeFacts {
    /// The shard's name within the pnode's: `1.moray.coal.joyent.us` of `tcp://1.moray.coal.joyent.us:2020`.
    pub fn host(&self) -> Option<&str> {
        self.pnode.strip_prefix("tcp://")?.rsplit_once(':').map(|(host, _)| host)
    }
}

/// A shard, whose name is the key of [`Inventory::shards`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShardFacts {
    /// Manatee's generation.
    pub generation: u32,
    /// Its peers in the order of the chain.
    pub peers: Vec<PeerFacts>,
    /// Its Moray zones.
    pub morays: Vec<ZoneFacts>,
    /// PostgreSQL's version, such as `12.0`.
    pub postgres: String,
    /// The size of the database `moray` in bytes.
    pub database_bytes: u64,
    /// Write-ahead log made in bytes per second, when it was looked at.
    pub wal_bytes_per_second: u64,
    /// The instance metadata that new peers take over.
    pub pg_config_overrides: Option<Value>,
    /// Its tables: those whose rows move with their vnodes, those whose rows stay, and what only looks like them.
    pub tables: Tables,
}

/// A zone and what it was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneFacts {
    /// Its place.
    #[serde(flatten)]
    pub place: ZonePlace,
    /// Its alias.
    pub alias: String,
    /// Its address.
    pub ip: String,
    /// The image that it runs.
    pub image: ImageUuid,
}

/// A peer of a shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeerFacts {
    /// Its zone.
    pub zone: ZoneFacts,
    /// Its role.
    pub role: Role,
    /// The peer as Manatee tells of it.
    pub peer: Peer,
}

/// An electric-moray zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterFacts {
    /// Its zone.
    pub zone: ZoneFacts,
    /// Its SMF instances.
    pub instances: Vec<RouterInstance>,
}

/// An electric-moray process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterInstance {
    /// Its SMF instance, such as `electric-moray-2021`.
    pub instance: String,
    /// The port of its requests.
    pub port: u16,
    /// The port of its status.
    pub status_port: u16,
    /// The directory of its ring.
    pub ring: String,
    /// The image of its ring, from the ring's stamp; a ring that manta-adm made has none.
    pub stamp: Option<ImageUuid>,
}

/// A compute node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFacts {
    /// The server.
    pub uuid: ServerUuid,
    /// Its name.
    pub hostname: String,
    /// Its datacenter.
    pub datacenter: String,
    /// True if it is up and set up.
    pub usable: bool,
    /// Free space for zones in bytes, where CNAPI knows.
    pub free_bytes: Option<u64>,
    /// The peers of the source that are on it.
    pub source_peers: Vec<InstanceUuid>,
}

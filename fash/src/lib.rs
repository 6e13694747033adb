//! Consistent-hash rings, compatible with node-fash.
//!
//! A ring divides the range of a hash function into equal slots, the *vnodes*, and gives each to a *pnode*, which is
//! the address of a shard. A key's hash says which vnode the key belongs to, and the vnode's owner where it is kept.
//! node-fash, the library that Triton's Manta uses, writes rings as JSON and as LevelDB directories. [`Ring`] is a ring
//! in memory and reads and writes the JSON.
//!
//! ```
//! use fash::{Algorithm, Move, Pnode, Ring, choose_every};
//!
//! let shards = ["tcp://1.moray.example.com:2020", "tcp://2.moray.example.com:2020"];
//! let shards: Vec<Pnode> = shards.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
//! let mut ring = Ring::create(Algorithm::Sha256, 1_000_000, shards.clone())?;
//!
//! let node = ring.lookup(b"/a1b2/stor/pictures")?;
//! println!("vnode {} on {}", node.vnode, node.pnode);
//!
//! // Split the first shard: half of its vnodes go to a third one.
//! let third: Pnode = "tcp://3.moray.example.com:2020".parse()?;
//! let moving = choose_every(&ring.vnodes_of(&shards[0])?, 2)?;
//! let before = ring.clone();
//! ring.remap(&[Move { vnodes: moving, to: third.clone() }])?;
//! assert_eq!(ring.vnodes_of(&third)?.len(), 250_000);
//! assert_eq!(before.diff(&ring).pnodes_added, [third]);
//!
//! let mut json = Vec::new();
//! ring.write_json(&mut json)?;
//! assert_eq!(Ring::from_json(&json)?, ring);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rings on disk
//!
//! With the feature `leveldb`:
//!
//! * [`create_ring`] writes a ring as a LevelDB directory, whole or not at all.
//! * [`RingReader`] looks things up in such a directory, loads it, and audits it, without changing a byte of it; with
//!   [`RingReader::open_live`] also while a process holds it.
//! * [`RingEditor`] holds LevelDB's lock and changes the ring; each change is one atomic write that is on disk when the
//!   call returns.
//! * [`repair_ring`] rebuilds what a damaged ring lacks, [`copy_ring`] copies one that is in use.
//! * [`pack`] and [`unpack`] make and open the images in which rings reach the routers. An image is not trusted.
//!
//! # Features
//!
//! * `leveldb` (default): rings in LevelDB directories, and ring images. Without it there is only the ring in memory.

mod algorithm;
mod data;
#[cfg(feature = "leveldb")]
mod durable;
mod id;
#[cfg(feature = "leveldb")]
mod image;
mod interval;
mod key_encoding;
#[cfg(feature = "leveldb")]
mod leveldb;
mod lookalike;
mod pnode_names;
mod ring;
mod select;
mod skew;
#[cfg(feature = "leveldb")]
mod stamp;
#[cfg(feature = "leveldb")]
mod store;
mod topology;
mod uint256;
mod version;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use data::VnodeData;
pub use id::{EmptyPnode, InvalidVnode, Pnode, Vnode};
#[cfg(feature = "leveldb")]
pub use image::{
    DEFAULT_LEVEL, ImageDigest, ImageError, Refusal, UnpackOptions, VerifyRing, pack,
    pack_at_level, unpack,
};
pub use interval::{HashOutOfRange, Interval, IntervalProblem, InvalidInterval};
pub use key_encoding::KeyEncoding;
#[cfg(feature = "leveldb")]
pub use leveldb::{DatabaseError, Holder};
pub use lookalike::lookalike;
pub use pnode_names::CollidingPnodes;
pub use ring::{
    Changed, CreateError, DataChange, Diff, EditError, Move, Node, NodeFashDiff, OwnedVnode,
    OwnerChange, PnodeStatistics, Ring, Statistics, UnknownPnode, UnknownVnode,
};
pub use select::{
    Part, SelectError, Split, choose_every, choose_first, choose_listed, split_by_weight,
};
#[cfg(feature = "leveldb")]
pub use stamp::Stamp;
#[cfg(feature = "leveldb")]
pub use store::{
    Audit, Finding, Keys, Notice, OwnedNode, Progress, Repair, RepairAction, RepairMode,
    RingEditor, RingReader, Severity, StoreError, Vnodes, copy_ring, create_ring,
    create_ring_with_progress, repair_ring,
};
pub use topology::TopologyError;
pub use version::{RING_VERSION, UnsupportedVersion, check_version};

/// Compiles and runs the example of the README.
#[cfg(all(doctest, feature = "leveldb"))]
#[doc = include_str!("../README.md")]
struct Readme;

//! Consistent-hash rings, compatible with node-fash.

mod data;
#[cfg(feature = "leveldb")]
mod durable;
mod id;
#[cfg(feature = "leveldb")]
mod image;
#[cfg(feature = "leveldb")]
mod leveldb;

pub use data::VnodeData;
pub use id::{EmptyPnode, InvalidVnode, Pnode, Vnode};
#[cfg(feature = "leveldb")]
pub use image::{
    DEFAULT_LEVEL, ImageDigest, ImageError, Refusal, Stamp, UnpackOptions, VerifyRing, pack,
    pack_at_level, unpack,
};
#[cfg(feature = "leveldb")]
pub use leveldb::{DatabaseError, Holder};

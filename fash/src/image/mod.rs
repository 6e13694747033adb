//! Ring images: the gzip'd tar files in which a ring's directory travels through Triton's image service (IMGAPI).
//!
//! An image holds one directory, `hash_ring`, and in it the files of a LevelDB ring and perhaps a
//! [`Stamp`](crate::Stamp) that tells one installed ring from another. `manta-adm create-topology` and manta-reshard make
//! such images, electric-moray's setup unpacks them (`tar -xzf`, `gtar --strip-components=1 -x -f IMAGE hash_ring`).

mod digest;
mod error;
mod extract;
mod member;
mod pack;
mod read_stamp;
mod unpack;

#[cfg(test)]
mod attacks;

pub use digest::ImageDigest;
pub use error::{ImageError, Refusal};
pub use pack::{DEFAULT_LEVEL, pack, pack_at_level};
pub use unpack::{UnpackOptions, VerifyRing, unpack};

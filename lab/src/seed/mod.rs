//! The contents of a lab from the beginning: objects as muskie writes them, made up from a seed.

mod load;
mod names;
mod objects;
mod value;

pub use crate::moray::schema::{ShardKind, install};
pub use load::{SeedError, load};
pub use objects::{Objects, SeedObject, objects};

//! Canaries: small objects of Manta, put through the routers before a split, that show afterwards where the routers look.

mod choose;
mod error;
mod requests;
mod value;

pub use self::choose::{Canary, CanaryKind, canaries_of, choose_directory};
pub use self::error::CanaryError;
pub use self::requests::{Found, find_canary, remove_canary, write_canary};

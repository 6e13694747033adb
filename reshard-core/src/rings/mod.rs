//! The ring: fetched, changed, proven, and published as images.
//!
//! [`fetch_ring`] gets a ring from IMGAPI, [`PlanRings::build`] makes of it the rings that a plan needs and proves
//! them, [`ensure_ring_image`] puts a ring into IMGAPI, [`publish_ring`] and [`list_shards`] change what SAPI says.
//! [`crate::Reservation::Ring`] keeps other plans from doing any of this meanwhile.

mod build;
mod by_hand;
mod error;
mod images;
mod metadata;

pub use self::build::{PlanRings, RingMismatch, audit_read_only, audit_target};
pub use self::by_hand::{RingFile, fetch_ring_directory, read_directory};
pub use self::error::RingError;
pub use self::images::{
    FetchedRing, NewRingImage, delete_ring_image, ensure_ring_image, fetch_ring, remove_work,
};
pub use self::metadata::{
    Compared, current_ring, list_shards, publish_ring, ring_imgapi, unlist_shards,
};

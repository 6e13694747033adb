//! Rings in LevelDB directories, as node-fash and electric-moray have them.

mod audit;
mod census;
mod copy;
mod create;
mod editor;
mod error;
mod finding;
mod header;
mod layout;
mod load;
mod notice;
mod progress;
mod reader;
mod repair;

pub use census::Keys;
pub use copy::copy_ring;
pub use create::{create_ring, create_ring_with_progress};
pub use editor::RingEditor;
pub use error::StoreError;
pub use finding::{Audit, Finding, Severity, Vnodes};
pub use notice::Notice;
pub use progress::Progress;
pub use reader::{OwnedNode, RingReader};
pub use repair::{Repair, RepairAction, RepairMode, repair_ring};

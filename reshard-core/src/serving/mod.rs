//! Things that serve, which nobody may destroy, empty, free or roll back, whatever a journal says of them.
//!
//! A journal may be old: a copy of a plan's file that was made before the plan went on knows of zones that it has made, and not
//! that they are a shard now that clients use. So whoever removes something looks here first. [`Serving::look`] reads what the
//! region itself says (the ring that SAPI names, SAPI's lists of shards, the states of the shards in ZooKeeper), and the rest is
//! judgement without I/O: what still needs a shard, a zone, an image, or the rows of a vnode.

mod judge;
mod look;
mod need;
#[cfg(test)]
pub(crate) mod tests;

pub use self::judge::{NamedRing, OwnWork, Serving};
pub use self::look::{TaggedZone, named_ring, tagged_zones};
pub use self::need::{Need, StillNeeded};

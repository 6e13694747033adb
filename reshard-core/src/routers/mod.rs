//! The routers: electric-moray zones, their SMF instances, and the rings in them.
//!
//! Every SMF instance has a ring of its own, a directory that it reads at start. [`stage`] puts other rings beside it,
//! [`flip`] puts one of them in its place, instance by instance, and [`clear`] removes what is not needed any more. Each
//! is one script in each zone, and each can be cut off anywhere and called again.

mod commands;
mod error;
mod list;
mod parallel;
mod status;
#[cfg(test)]
mod tests;

pub use self::commands::{
    Command, Flipped, InstanceState, RingSwap, StagedImage, clear, flip, render_shards, stage,
};
pub use self::error::RouterError;
pub use self::list::{Router, is_running, list_routers};
pub use self::parallel::for_each_router;
pub use self::status::get_status;

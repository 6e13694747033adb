//! The crate from outside: recorded frames, its own server, servers and clients that misbehave, and node-fast.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]
#![expect(clippy::print_stdout, reason = "says what was skipped")]

mod cancellation;
mod faults;
mod frames;
mod golden;
mod methods;
mod multiplex;
mod node_fast;
mod properties;
mod raw;
mod reconnect;
mod server_side;
#[path = "../../examples/store/mod.rs"]
mod store;

//! Real servers for tests: ZooKeeper, PostgreSQL, and a line between a client and a server that can be cut.
//!
//! Each keeps its data in a directory of its own, listens on an address of this process's own unless it is told another, and ends
//! with its handle. They are Debian's, but for what the environment names: `RESHARD_POSTGRESQL` is the directory of another
//! PostgreSQL, with its programs in `bin`, and `RESHARD_ZOOKEEPER` one with ZooKeeper's jars and those that it needs.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a panic is how a test fails"
)]

mod address;
mod chain;
mod postgres;
mod process;
mod programs;
mod proxy;
mod zookeeper;

pub use address::{free_port, own_address};
pub use chain::Chain;
pub use postgres::{Held, Postgres};
pub use process::{tied_to_the_test, wait_until};
pub use programs::{postgresql_programs, postgresql_version};
pub use proxy::{Line, Proxy};
pub use zookeeper::ZooKeeper;

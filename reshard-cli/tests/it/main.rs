//! The command `fash`, run as its users run it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod guide;
mod leveldb;
mod memory;
mod pipes;
mod sealed;
mod usage;
mod vnode_files;

//! The command `fash`, run as its users run it, also against recorded runs of node-fash and against node-fash itself; and
//! `reshard`, in labs under load.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]
#![expect(clippy::print_stdout, reason = "says what was skipped, and how to repeat what failed")]

mod faults;
mod fixtures;
mod golden;
mod guide;
mod leveldb;
mod memory;
mod oracle;
mod pipes;
mod region;
mod remedies;
mod sealed;
mod usage;
mod vnode_files;

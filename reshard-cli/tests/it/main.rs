//! The commands `fash` and `reshard`, run as their users run them; `fash` also against recorded runs of node-fash and against
//! node-fash itself.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]
#![expect(clippy::print_stdout, reason = "says what was skipped, and how to repeat what failed")]

mod completion;
mod faults;
mod fixtures;
mod golden;
mod guide;
mod lab;
mod leveldb;
mod memory;
mod oracle;
mod pipes;
mod places;
mod plans;
mod reshard_usage;
mod sealed;
mod slips;
mod usage;
mod vnode_files;

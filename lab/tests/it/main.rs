//! The lab's parts against real servers.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]
#![expect(clippy::print_stdout, reason = "shows how fast it was")]

mod router;
mod servers;

//! The lab from outside, and its parts against real servers.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]
#![expect(clippy::print_stdout, reason = "says what differs")]

mod golden_http;
mod router;
mod servers;

//! The lab from outside, and its parts against real servers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]
#![expect(clippy::wildcard_enum_match_arm, reason = "tests look for lines of one kind")]
#![expect(clippy::print_stdout, reason = "says what differs")]

mod checker;
mod failover;
mod golden_http;
mod golden_moray;
mod interruption;
mod load;
mod missing;
mod moray;
mod plants;
mod record_delete_log;
mod region;
mod router;
mod rows;
mod servers;
mod simulation;
mod sitter;
mod tier;
mod tools;
mod world;

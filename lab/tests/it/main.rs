//! The lab from outside.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]
#![expect(clippy::print_stdout, reason = "says what differs")]

mod golden_http;

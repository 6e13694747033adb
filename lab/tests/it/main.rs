//! The lab's processes, as they run in a lab.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a panic is how a test fails, and what it printed is shown then"
)]

mod sitter;

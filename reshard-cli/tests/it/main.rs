//! The command `fash`, run as its users run it: against the recorded runs of node-fash and against node-fash itself.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod fixtures;
mod golden;
mod oracle;

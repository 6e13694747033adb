//! The library from outside: against rings that node-fash made, and against system tools.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[cfg(feature = "leveldb")]
mod image;

//! The library from outside: against rings that node-fash made, and against system tools.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[cfg(feature = "leveldb")]
mod editing;
#[cfg(feature = "leveldb")]
mod engine;
#[cfg(feature = "leveldb")]
mod fixtures;
#[cfg(feature = "leveldb")]
mod image;
mod model;
#[cfg(feature = "leveldb")]
mod support;
mod vectors;

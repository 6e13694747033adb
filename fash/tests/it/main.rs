//! The library from outside: against rings that node-fash made, and against system tools.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

#[cfg(feature = "leveldb")]
mod editing;
#[cfg(feature = "leveldb")]
mod engine;
#[cfg(feature = "leveldb")]
mod fixtures;
#[cfg(feature = "leveldb")]
mod image;
#[cfg(feature = "leveldb")]
mod support;
mod model;
mod vectors;

//! The library against a real ZooKeeper and real PostgreSQL servers.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod examples;
mod locks;
mod postgres;
mod races;
mod sessions;
mod state;
mod support;
mod views;

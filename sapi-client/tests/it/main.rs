//! The clients from outside: against everything the real SAPI and IMGAPI were recorded to say, and against a server that
//! misbehaves in every way that servers and networks do.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod cnapi;
mod download;
mod examples;
mod import;
mod listing;
mod merge;
mod peers;
mod replay;
mod requests;
mod sapi;
mod secrets;
mod support;
#[cfg(feature = "rustls")]
mod tls;
mod vmapi;
mod wire;

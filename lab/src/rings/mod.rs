//! The record of which router served which ring, and when: written by the routers themselves, and so known without the help of
//! whoever changes the rings.
//!
//! Each router process has a journal in the lab's directory and holds it locked while it serves. Before it listens it adds
//! the time and the ring's digest, after it has stopped the time. The rings themselves lie beside the journals, each once.

mod journal;
mod spans;

pub use journal::JournalError;
pub(crate) use journal::{Journals, Serving};

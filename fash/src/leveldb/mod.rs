//! A LevelDB engine, as much of it as rings need: a reader that never changes a byte and never takes damage for
//! "not found", and a writer whose every write is one atomic step. Compatible with LevelDB 1.1x and 1.20.

mod batch;
mod block;
mod coding;
mod database;
mod error;
mod file_name;
mod key;
mod lock;
mod manifest;
mod memory;
mod new_files;
mod read;
mod record_log;
mod table;
mod table_builder;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use batch::Batch;
pub(crate) use database::{create, open_for_writing};
pub use error::{DatabaseError, Holder};
pub(crate) use file_name::FileKind;
pub(crate) use lock::DirectoryLock;
pub(crate) use read::Getter;
pub(crate) use view::{LostTail, View};

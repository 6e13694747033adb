//! Copies of rings, also of such that a process holds.

use std::fs;
use std::io;
use std::path::Path;

use super::create::write_beside;
use super::error::StoreError;
use super::reader::RingReader;
use crate::durable;
use crate::leveldb::DatabaseError;
use crate::stamp::Stamp;

/// Copies the ring in the directory `from` to `to`, which must not exist or be an empty directory.
///
/// The ring may be in use: the copy is one moment of it, see [`RingReader::open_live`]. Tables are copied byte for
/// byte; what only the logs have becomes a table. The stamp comes along. The copy appears whole or not at all.
///
/// # Errors
///
/// [`StoreError`] if `from` holds no ring that can be read, or there is something at `to`, or it cannot be written.
pub fn copy_ring(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), StoreError> {
    let from = from.as_ref();
    let reader = RingReader::open_live(from)?;
    write_beside(to.as_ref(), |directory| {
        reader.view().copy_to(directory)?;
        let stamp = from.join(Stamp::FILE_NAME);
        match fs::read(&stamp) {
            Ok(bytes) => durable::write_new(&directory.join(Stamp::FILE_NAME), &bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
        .map_err(DatabaseError::io("copy", &stamp))?;
        Ok(())
    })
}

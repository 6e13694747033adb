//! A database open for writing, and new databases.
//!
//! One write is one step that either happens or does not: the changes, together with what the logs hold, become a
//! new table of level 0 (as they do when LevelDB opens a database); a new MANIFEST lists it; and renaming one file,
//! CURRENT, puts that in force. Until then nothing that is in force has been touched, so a crash, a full disk or an
//! error leaves the database as it was, with at most some files that nothing names and that the next write, ours
//! or LevelDB's, removes. Everything is on disk before the rename.

use std::path::Path;

use super::batch::Batch;
use super::error::DatabaseError;
use super::lock::DirectoryLock;
use super::manifest::{LEVELS, Levels, TableFile};
use super::new_files::{NewFiles, TableWriter};
use super::view::{LostTail, View, manifest_in_force};

/// A table is finished once it is larger; LevelDB's default.
const TABLE_SIZE: u64 = 2 << 20;

/// With so many tables of level 0 LevelDB begins to compact; so do we.
const MAX_LEVEL0_TABLES: usize = 4;

/// A smaller database is written anew on every write, instead of growing by a table each time.
const SMALL_DATABASE: u64 = 4 << 20;

/// Opens the database in `directory` for writing: nobody else can open it while the lock is held.
pub(crate) fn open_for_writing(
    directory: &Path,
    lost_tail: LostTail,
) -> Result<(DirectoryLock, View), DatabaseError> {
    // Taking the lock makes a file LOCK; not where there is no database.
    manifest_in_force(directory)?;
    let lock = DirectoryLock::acquire(directory)?;
    let view = View::open(directory, lost_tail)?;
    Ok((lock, view))
}

impl View {
    /// Applies all changes of a batch, or none. They are on disk when this returns, and the view shows them.
    ///
    /// Also an empty batch is written: it leaves a database whose logs are whole.
    pub(crate) fn write(
        &mut self,
        _lock: &DirectoryLock,
        batch: Batch,
    ) -> Result<(), DatabaseError> {
        let directory = self.directory.clone();
        let written = self.write_tables(batch);
        // Whatever became of the write, go on from what is in force.
        *self = Self::open(&directory, LostTail::Tolerate)?;
        written
    }

    fn write_tables(&mut self, batch: Batch) -> Result<(), DatabaseError> {
        let sequence = self.last_sequence() + 1;
        self.memory
            .add(batch.encode(sequence))
            .map_err(|what| DatabaseError::corrupt(&self.directory, 0, what))?;
        self.memory.sort();

        let [level0, ..] = &self.manifest.levels;
        let size = self.table_size();
        let mut files = NewFiles::new(&self.directory, self.manifest.next_file_number)?;
        let levels = if size < SMALL_DATABASE || level0.len() >= MAX_LEVEL0_TABLES {
            let mut tables = TableWriter::new(&mut files, TABLE_SIZE);
            let mut scan = self.scan(b"")?;
            while let Some((key, value)) = scan.next()? {
                tables.add(key, sequence, Some(value))?;
            }
            levels_of(tables.finish()?)
        } else {
            self.flush_memory(&mut files)?
        };
        files.put_in_force(levels, self.last_sequence())
    }

    /// Writes what is in memory as a new table; returns the tables that then make up the database.
    fn flush_memory(&self, files: &mut NewFiles) -> Result<Levels, DatabaseError> {
        let mut tables = TableWriter::new(files, u64::MAX);
        for entry in (0..self.memory.len()).filter_map(|index| self.memory.entry(index)) {
            tables.add(entry.key, entry.sequence, entry.value)?;
        }
        let mut levels = self.manifest.levels.clone();
        let [level0, ..] = &mut levels;
        level0.extend(tables.finish()?.into_iter().map(|table| (table.number, table)));
        Ok(levels)
    }

    /// Writes this moment of the database into an empty directory: tables byte for byte, logs as a table.
    pub(crate) fn copy_to(&self, directory: &Path) -> Result<(), DatabaseError> {
        for table in self.groups.iter().flatten() {
            table.copy_to(directory)?;
        }
        let mut files = NewFiles::new(directory, self.manifest.next_file_number)?;
        let levels = self.flush_memory(&mut files)?;
        files.put_in_force(levels, self.last_sequence())
    }
}

/// Writes a new database into a directory that has none, from keys that come in ascending order.
pub(crate) fn create<E: From<DatabaseError>>(
    directory: &Path,
    fill: impl FnOnce(&mut dyn FnMut(&[u8], &[u8]) -> Result<(), DatabaseError>) -> Result<(), E>,
) -> Result<(), E> {
    // Every key is written once: one sequence number will do.
    const SEQUENCE: u64 = 1;
    let mut files = NewFiles::new(directory, 1)?;
    let mut tables = TableWriter::new(&mut files, TABLE_SIZE);
    fill(&mut |key, value| tables.add(key, SEQUENCE, Some(value)))?;
    let levels = levels_of(tables.finish()?);
    Ok(files.put_in_force(levels, SEQUENCE)?)
}

/// Puts tables that do not overlap on the first level that LevelDB would not find too full: 10 MB on level 1, and
/// ten times as much on each one after it. At most half of that, so that there is room for changes.
fn levels_of(tables: Vec<TableFile>) -> Levels {
    let size: u64 = tables.iter().map(|table| table.size).sum();
    let mut level = 1;
    let mut room = 5 << 20;
    while size > room && level < LEVELS - 1 {
        level += 1;
        room *= 10;
    }
    let mut levels = Levels::default();
    if let Some(tables_of_level) = levels.get_mut(level) {
        tables_of_level.extend(tables.into_iter().map(|table| (table.number, table)));
    }
    levels
}

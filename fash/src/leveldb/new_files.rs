//! The files of a database that is not in force yet.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::DatabaseError;
use super::file_name::{self, CURRENT, FileKind};
use super::manifest::{Levels, Manifest, TableFile};
use super::table_builder::TableBuilder;
use super::view::files_in;
use crate::durable;

/// New files beside those in force. Dropped before they are put in force, they are removed.
pub(super) struct NewFiles {
    directory: PathBuf,
    next_number: u64,
    created: Vec<PathBuf>,
}

impl NewFiles {
    /// `next_number`: the lowest number that may be free. Numbers of files that are there are not used again, be
    /// they named or left behind by a crash.
    pub(super) fn new(directory: &Path, next_number: u64) -> Result<Self, DatabaseError> {
        let taken = files_in(directory)?.into_iter().map(|(kind, _)| number_of(kind)).max();
        let next_number = next_number.max(taken.flatten().unwrap_or(0) + 1);
        Ok(Self { directory: directory.to_owned(), next_number, created: Vec::new() })
    }

    fn take_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<(), DatabaseError> {
        self.created.push(path.to_owned());
        durable::write_new(path, bytes).map_err(DatabaseError::io("write", path))
    }

    /// Makes these tables the database, with no changes in logs, and removes what is in force no longer.
    pub(super) fn put_in_force(
        mut self,
        levels: Levels,
        last_sequence: u64,
    ) -> Result<(), DatabaseError> {
        let log_number = self.take_number();
        let manifest_number = self.take_number();
        self.write(&file_name::log_path(&self.directory, log_number), b"")?;
        let manifest = Manifest {
            log_number,
            previous_log_number: 0,
            next_file_number: self.next_number,
            last_sequence,
            levels,
        };
        let name = file_name::manifest_name(manifest_number);
        self.write(&self.directory.join(&name), &manifest.encode())?;
        let temporary = file_name::temporary_path(&self.directory, manifest_number);
        self.write(&temporary, format!("{name}\n").as_bytes())?;
        self.sync_directory()?;
        let current = self.directory.join(CURRENT);
        fs::rename(&temporary, &current).map_err(DatabaseError::io("replace", &current))?;
        self.created.clear();
        self.sync_directory()?;
        self.remove_obsolete(&manifest, manifest_number);
        Ok(())
    }

    fn sync_directory(&self) -> Result<(), DatabaseError> {
        durable::sync_directory(&self.directory)
            .map_err(DatabaseError::io("write out", &self.directory))
    }

    /// Removes obsolete files. One that cannot be removed stays: nothing names it, and the next write tries again.
    fn remove_obsolete(&self, manifest: &Manifest, manifest_number: u64) {
        for (kind, path) in files_in(&self.directory).unwrap_or_default() {
            let obsolete = match kind {
                FileKind::Table(number) => {
                    !manifest.levels.iter().any(|level| level.contains_key(&number))
                }
                FileKind::Log(number) => number < manifest.log_number,
                FileKind::Manifest(number) => number != manifest_number,
                FileKind::Temporary(_) => true,
                FileKind::Current | FileKind::Lock | FileKind::InfoLog => false,
            };
            if obsolete {
                drop(fs::remove_file(path));
            }
        }
    }
}

impl Drop for NewFiles {
    fn drop(&mut self) {
        for path in self.created.drain(..) {
            drop(fs::remove_file(path));
        }
    }
}

fn number_of(kind: FileKind) -> Option<u64> {
    match kind {
        FileKind::Manifest(number)
        | FileKind::Log(number)
        | FileKind::Table(number)
        | FileKind::Temporary(number) => Some(number),
        FileKind::Current | FileKind::Lock | FileKind::InfoLog => None,
    }
}

/// Writes entries that come in order into as many tables as they fill.
pub(super) struct TableWriter<'a> {
    files: &'a mut NewFiles,
    table_size: u64,
    table: Option<TableBuilder>,
    finished: Vec<TableFile>,
}

impl<'a> TableWriter<'a> {
    /// `table_size`: a table is finished once it has so many bytes.
    pub(super) fn new(files: &'a mut NewFiles, table_size: u64) -> Self {
        Self { files, table_size, table: None, finished: Vec::new() }
    }

    /// Adds an entry. Keys must come in ascending order; no value is a deletion.
    pub(super) fn add(
        &mut self,
        key: &[u8],
        sequence: u64,
        value: Option<&[u8]>,
    ) -> Result<(), DatabaseError> {
        let table = match &mut self.table {
            Some(table) => table,
            none => {
                let number = self.files.take_number();
                self.files.created.push(file_name::table_path(&self.files.directory, number));
                none.insert(TableBuilder::create(&self.files.directory, number)?)
            }
        };
        table.add(key, sequence, value)?;
        if table.size() >= self.table_size {
            self.finish_table()?;
        }
        Ok(())
    }

    /// The tables that were written. They are on disk, but for their names.
    pub(super) fn finish(mut self) -> Result<Vec<TableFile>, DatabaseError> {
        self.finish_table()?;
        Ok(self.finished)
    }

    fn finish_table(&mut self) -> Result<(), DatabaseError> {
        if let Some(table) = self.table.take() {
            self.finished.push(table.finish()?);
        }
        Ok(())
    }
}

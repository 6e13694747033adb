//! A consistent view of a database, without changing a byte of it.
//!
//! Opening a database with LevelDB is a write: it replays the logs into a new table and rotates its files. A
//! [`View`] only reads: CURRENT, the MANIFEST, the logs (into memory) and the tables (opened at once, so that they
//! stay readable when the database drops them). Where the database had the same files before and after, the view
//! is one moment of it, even while another process is at work.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::DatabaseError;
use super::file_name::{self, CURRENT, FileKind};
use super::key;
use super::lock::DirectoryLock;
use super::manifest::{Manifest, ManifestReader, TableFile};
use super::memory::Memory;
use super::record_log::{RecordError, RecordReader};
use super::table::Table;

/// The number of attempts at a view of a changing database. One takes milliseconds, and what a busy LevelDB does
/// to its set of files is seconds apart.
const ATTEMPTS: u32 = 50;

/// The way to treat last writes to a database that seem to be lost: a log that ends in the middle of a record, or is
/// missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LostTail {
    /// Fail.
    Refuse,
    /// Read what comes before, and remember it in [`View::losses`]. A process that is writing right now leaves a
    /// log that ends so.
    Tolerate,
}

/// One moment of a database.
pub(crate) struct View {
    pub(super) directory: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) memory: Memory,
    /// Groups of tables that do not overlap, in key order within a group; groups with newer entries come first.
    /// Each table of level 0 is a group of its own.
    pub(super) groups: Vec<Vec<Table>>,
    losses: Vec<DatabaseError>,
}

/// The facts that tell one set of files from another. Logs may grow meanwhile: any whole number of batches is a moment.
#[derive(PartialEq, Eq)]
struct FileSet {
    manifest_name: String,
    manifest_length: Option<u64>,
    logs: BTreeSet<u64>,
}

impl View {
    /// Reads the database in `directory`, unless a process has it open.
    pub(crate) fn open_free(directory: &Path) -> Result<Self, DatabaseError> {
        // First of all: a path that is no database should be called so, not a lock that cannot be looked at.
        manifest_in_force(directory)?;
        DirectoryLock::ensure_free(directory)?;
        Self::open(directory, LostTail::Refuse)
    }

    /// Reads the database in `directory`.
    pub(crate) fn open(directory: &Path, lost_tail: LostTail) -> Result<Self, DatabaseError> {
        for _ in 0..ATTEMPTS {
            let before = FileSet::of(directory)?;
            let view = Self::read(directory, &before, lost_tail);
            // An error too counts only if nobody replaced the files meanwhile.
            if FileSet::of(directory)? == before {
                return view;
            }
        }
        Err(DatabaseError::Changing { path: directory.to_owned(), attempts: ATTEMPTS })
    }

    /// The signs that the last writes are lost, which were tolerated.
    pub(crate) fn losses(&self) -> &[DatabaseError] {
        &self.losses
    }

    /// The bytes that the database's entries take: its tables, and what is in memory of its logs.
    pub(crate) fn size(&self) -> u64 {
        self.table_size() + self.memory.size()
    }

    /// The bytes that the tables take.
    pub(super) fn table_size(&self) -> u64 {
        self.groups.iter().flatten().map(|table| table.meta.size).sum()
    }

    /// The highest sequence number in use.
    pub(super) fn last_sequence(&self) -> u64 {
        self.manifest.last_sequence.max(self.memory.last_sequence())
    }

    fn read(directory: &Path, files: &FileSet, lost_tail: LostTail) -> Result<Self, DatabaseError> {
        let mut losses = Vec::new();
        let mut lost = |error| match lost_tail {
            LostTail::Refuse => Err(error),
            LostTail::Tolerate => {
                losses.push(error);
                Ok(())
            }
        };
        let manifest_path = directory.join(&files.manifest_name);
        let mut reader = ManifestReader::default();
        for_each_record(&manifest_path, &mut lost, |edit| reader.apply(&edit))?;
        let manifest =
            reader.finish().map_err(|what| DatabaseError::corrupt(&manifest_path, 0, what))?;

        let groups = open_tables(directory, &manifest, &manifest_path)?;

        let mut memory = Memory::default();
        let live = |log: &u64| *log >= manifest.log_number || *log == manifest.previous_log_number;
        for log in files.logs.iter().copied().filter(live) {
            let path = file_name::log_path(directory, log);
            for_each_record(&path, &mut lost, |batch| memory.add(batch))?;
        }
        memory.sort();
        // LevelDB makes a log before it names it, and never without one.
        if manifest.log_number != 0 && !files.logs.contains(&manifest.log_number) {
            let path = file_name::log_path(directory, manifest.log_number);
            lost(DatabaseError::MissingFile { path })?;
        }
        Ok(Self { directory: directory.to_owned(), manifest, memory, groups, losses })
    }
}

/// Opens every table and brings it into the group where it is looked for.
fn open_tables(
    directory: &Path,
    manifest: &Manifest,
    manifest_path: &Path,
) -> Result<Vec<Vec<Table>>, DatabaseError> {
    let [level0, deeper @ ..] = &manifest.levels;
    let open = |meta: &TableFile| Table::open(directory, meta.clone());
    // A higher number is newer, and the newest version of a key is looked for first.
    let mut groups = level0
        .values()
        .rev()
        .map(|meta| Ok(vec![open(meta)?]))
        .collect::<Result<Vec<_>, DatabaseError>>()?;
    for level in deeper.iter().filter(|level| !level.is_empty()) {
        let mut tables = level.values().map(open).collect::<Result<Vec<_>, _>>()?;
        tables.sort_by(|a, b| key::compare(&a.meta.smallest, &b.meta.smallest));
        let overlap = tables
            .iter()
            .zip(tables.iter().skip(1))
            .any(|(a, b)| key::compare(&a.meta.largest, &b.meta.smallest).is_ge());
        if overlap {
            let what = "two tables of one level overlap";
            return Err(DatabaseError::corrupt(manifest_path, 0, what));
        }
        groups.push(tables);
    }
    Ok(groups)
}

fn for_each_record(
    path: &Path,
    lost: &mut impl FnMut(DatabaseError) -> Result<(), DatabaseError>,
    mut take: impl FnMut(Vec<u8>) -> Result<(), &'static str>,
) -> Result<(), DatabaseError> {
    let bytes = read_file(path)?;
    let mut reader = RecordReader::new(&bytes);
    loop {
        match reader.next() {
            Ok(None) => return Ok(()),
            Ok(Some(record)) => take(record.bytes.into_owned())
                .map_err(|what| DatabaseError::corrupt(path, record.offset, what))?,
            Err(RecordError::Corrupt { offset, what }) => {
                return Err(DatabaseError::corrupt(path, offset, what));
            }
            Err(RecordError::Torn { offset }) => {
                let offset = offset as u64;
                return lost(DatabaseError::TornLog { path: path.to_owned(), offset });
            }
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, DatabaseError> {
    fs::read(path).map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            DatabaseError::MissingFile { path: path.to_owned() }
        } else {
            DatabaseError::io("read", path)(error)
        }
    })
}

impl FileSet {
    fn of(directory: &Path) -> Result<Self, DatabaseError> {
        let manifest_name = manifest_in_force(directory)?;
        let path = directory.join(&manifest_name);
        let manifest_length = match fs::metadata(&path) {
            Ok(metadata) => Some(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(DatabaseError::io("look at", path)(error)),
        };
        let logs = files_in(directory)?
            .into_iter()
            .filter_map(
                |(kind, _)| if let FileKind::Log(number) = kind { Some(number) } else { None },
            )
            .collect();
        Ok(Self { manifest_name, manifest_length, logs })
    }
}

/// LevelDB's files in a directory. Files that are none of LevelDB's are left out.
pub(super) fn files_in(directory: &Path) -> Result<Vec<(FileKind, PathBuf)>, DatabaseError> {
    let failed = || DatabaseError::io("list", directory);
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        if let Some(kind) = entry.file_name().to_str().and_then(FileKind::of) {
            files.push((kind, entry.path()));
        }
    }
    Ok(files)
}

pub(super) fn manifest_in_force(directory: &Path) -> Result<String, DatabaseError> {
    let not_a_database =
        |reason| DatabaseError::NotADatabase { path: directory.to_owned(), reason };
    let path = directory.join(CURRENT);
    let current = match fs::read(&path) {
        Ok(current) => current,
        Err(error) => {
            return Err(match (error.kind(), fs::metadata(directory)) {
                (io::ErrorKind::NotFound, Ok(_)) => not_a_database("it has no file CURRENT"),
                (io::ErrorKind::NotFound, Err(_)) => {
                    DatabaseError::NotFound { path: directory.to_owned() }
                }
                (io::ErrorKind::NotADirectory, _) => not_a_database("it is not a directory"),
                _ => DatabaseError::io("read", &path)(error),
            });
        }
    };
    let corrupt = |what| DatabaseError::corrupt(&path, 0, what);
    let current = std::str::from_utf8(&current).map_err(|_| corrupt("it is not text"))?;
    let name = current.strip_suffix('\n').ok_or_else(|| corrupt("it does not end in a newline"))?;
    match FileKind::of(name) {
        Some(FileKind::Manifest(_)) => Ok(name.to_owned()),
        _ => Err(corrupt("it does not name a MANIFEST")),
    }
}

//! Tables: immutable files of sorted entries (`table/format.cc` and `doc/table_format.md` of LevelDB 1.20).
//!
//! Data blocks, then an index block that names for every data block a key at or after its last one, then 48 bytes
//! that say where the index is. Behind each block stand its compression (0 none, 1 Snappy) and a checksum. The
//! checksum is verified on every read: LevelDB does not, and gives wrong answers from damaged blocks.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::block::{Block, Cursor};
use super::coding::{Decoder, checksum_matches};
use super::error::DatabaseError;
use super::file_name;
use super::key;
use super::manifest::TableFile;

pub(super) const FOOTER_SIZE: usize = 48;
pub(super) const MAGIC: u64 = 0xdb47_7524_8b80_fb57;
/// The compression's number and the checksum behind a block.
pub(super) const BLOCK_TRAILER_SIZE: usize = 5;
/// Larger than any block that a ring can need (a list of 10,000,000 vnodes has 80 MB); a bound on what a hostile
/// table can make us allocate.
const MAX_BLOCK_SIZE: usize = 1 << 30;

/// An open table. The file stays open, so that the table can be read even after its database has dropped it.
pub(super) struct Table {
    pub(super) meta: TableFile,
    path: PathBuf,
    file: File,
    index: OnceLock<Vec<IndexEntry>>,
}

/// The place of a data block, and a key at or after its last one.
struct IndexEntry {
    last_key: Vec<u8>,
    handle: Handle,
}

/// The place of a block in its file.
#[derive(Clone, Copy)]
struct Handle {
    offset: usize,
    size: usize,
}

impl Handle {
    fn decode(decoder: &mut Decoder<'_>) -> Option<Self> {
        Some(Self { offset: decoder.length()?, size: decoder.length()? })
    }
}

impl Table {
    /// Opens the table's file and checks that it has the size that the MANIFEST says.
    pub(super) fn open(directory: &Path, meta: TableFile) -> Result<Self, DatabaseError> {
        let (path, file) = open_either(directory, meta.number)?;
        let length = file.metadata().map_err(DatabaseError::io("read the size of", &path))?.len();
        if length != meta.size {
            return Err(DatabaseError::Corrupt {
                path,
                offset: length.min(meta.size),
                what: if length < meta.size {
                    "the file is shorter than the MANIFEST says"
                } else {
                    "the file is longer than the MANIFEST says"
                },
            });
        }
        Ok(Self { meta, path, file, index: OnceLock::new() })
    }

    /// Copies the table's file, under its name, into another directory.
    pub(super) fn copy_to(&self, directory: &Path) -> Result<(), DatabaseError> {
        let path = directory.join(self.path.file_name().unwrap_or_default());
        let mut copy = File::create_new(&path).map_err(DatabaseError::io("create", &path))?;
        let mut offset = 0;
        while offset < self.meta.size {
            let length = usize::try_from(self.meta.size - offset).unwrap_or(usize::MAX);
            let mut bytes = vec![0; length.min(1 << 20)];
            self.file
                .read_exact_at(&mut bytes, offset)
                .map_err(DatabaseError::io("read", &self.path))?;
            copy.write_all(&bytes).map_err(DatabaseError::io("write", &path))?;
            offset += bytes.len() as u64;
        }
        copy.sync_all().map_err(DatabaseError::io("write", &path))
    }

    /// Tells whether the table's range of keys holds this user's key.
    pub(super) fn covers(&self, user_key: &[u8]) -> bool {
        key::user_key(&self.meta.smallest) <= user_key
            && user_key <= key::user_key(&self.meta.largest)
    }

    pub(super) fn block_count(&self) -> Result<usize, DatabaseError> {
        Ok(self.index()?.len())
    }

    /// The number of the block in which a key at or after `target` would be.
    pub(super) fn block_for(&self, target: &[u8]) -> Result<Option<usize>, DatabaseError> {
        let index = self.index()?;
        let number = index.partition_point(|entry| key::compare(&entry.last_key, target).is_lt());
        Ok((number < index.len()).then_some(number))
    }

    pub(super) fn read_block(&self, number: usize) -> Result<Option<Block>, DatabaseError> {
        match self.index()?.get(number) {
            Some(entry) => self.block_at(entry.handle).map(Some),
            None => Ok(None),
        }
    }

    /// An error about the block with this number.
    pub(super) fn corrupt(&self, number: usize, what: &'static str) -> DatabaseError {
        let entry = self.index.get().and_then(|index| index.get(number));
        DatabaseError::corrupt(&self.path, entry.map_or(0, |entry| entry.handle.offset), what)
    }

    fn index(&self) -> Result<&[IndexEntry], DatabaseError> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let index = self.read_index()?;
        Ok(self.index.get_or_init(|| index))
    }

    fn read_index(&self) -> Result<Vec<IndexEntry>, DatabaseError> {
        let size = usize::try_from(self.meta.size).unwrap_or(usize::MAX);
        let start = size
            .checked_sub(FOOTER_SIZE)
            .ok_or_else(|| DatabaseError::corrupt(&self.path, 0, "a table that is too short"))?;
        let corrupt = |what| DatabaseError::corrupt(&self.path, start, what);
        let footer = self.read_at(Handle { offset: start, size: FOOTER_SIZE })?;
        let mut decoder = Decoder::new(&footer);
        let handles = Handle::decode(&mut decoder).zip(Handle::decode(&mut decoder));
        let (_metaindex, handle) = handles.ok_or_else(|| corrupt("a footer without an index"))?;
        if footer.last_chunk() != Some(&MAGIC.to_le_bytes()) {
            return Err(corrupt("a footer without the mark of a table"));
        }
        let block = self.block_at(handle)?;
        let corrupt = |what| DatabaseError::corrupt(&self.path, handle.offset, what);
        let mut cursor = Cursor::default();
        let mut index: Vec<IndexEntry> = Vec::new();
        while cursor.advance(&block).map_err(corrupt)? {
            let handle = Handle::decode(&mut Decoder::new(block.value(&cursor)))
                .ok_or_else(|| corrupt("an index entry that names no block"))?;
            let last_key = cursor.key().to_vec();
            if index.last().is_some_and(|last| key::compare(&last.last_key, &last_key).is_ge()) {
                return Err(corrupt("an index that is out of order"));
            }
            index.push(IndexEntry { last_key, handle });
        }
        Ok(index)
    }

    fn block_at(&self, handle: Handle) -> Result<Block, DatabaseError> {
        let corrupt = |what| DatabaseError::corrupt(&self.path, handle.offset, what);
        let whole = Handle {
            size: handle.size.checked_add(BLOCK_TRAILER_SIZE).ok_or_else(|| corrupt("no block"))?,
            ..handle
        };
        let mut bytes = self.read_at(whole)?;
        let (contents, trailer) = bytes.split_at(handle.size);
        let mut trailer = Decoder::new(trailer);
        let (compression, checksum) = (trailer.byte(), trailer.fixed32());
        let kind = compression.unwrap_or_default();
        if !checksum.is_some_and(|checksum| checksum_matches(checksum, [contents, &[kind]])) {
            return Err(corrupt("the checksum of a block does not match its bytes"));
        }
        match kind {
            0 => bytes.truncate(handle.size),
            1 => {
                // No part of Snappy's format stands for more than 64 bytes: a claim of more is an attack.
                let length = snap::raw::decompress_len(contents);
                if !length.is_ok_and(|length| length <= contents.len().saturating_mul(64)) {
                    return Err(corrupt("a Snappy block that is too large"));
                }
                bytes = snap::raw::Decoder::new()
                    .decompress_vec(contents)
                    .map_err(|_| corrupt("a block that Snappy cannot decompress"))?;
            }
            _ => return Err(corrupt("a block in a compression that LevelDB does not have")),
        }
        Block::new(bytes).map_err(corrupt)
    }

    fn read_at(&self, handle: Handle) -> Result<Vec<u8>, DatabaseError> {
        let end = handle.offset.checked_add(handle.size);
        if end.is_none_or(|end| end as u64 > self.meta.size) || handle.size > MAX_BLOCK_SIZE {
            return Err(DatabaseError::corrupt(
                &self.path,
                handle.offset,
                "a block that reaches over the end of the file",
            ));
        }
        let mut bytes = vec![0; handle.size];
        self.file
            .read_exact_at(&mut bytes, handle.offset as u64)
            .map_err(DatabaseError::io("read", &self.path))?;
        Ok(bytes)
    }
}

fn open_either(directory: &Path, number: u64) -> Result<(PathBuf, File), DatabaseError> {
    let paths =
        [file_name::table_path(directory, number), file_name::old_table_path(directory, number)];
    for path in &paths {
        match File::open(path) {
            Ok(file) => return Ok((path.clone(), file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(DatabaseError::io("open", path)(error)),
        }
    }
    let [path, _] = paths;
    Err(DatabaseError::MissingFile { path })
}

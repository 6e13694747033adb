//! Writes a table from entries that come in order (`table/table_builder.cc` of LevelDB 1.20).
//!
//! No compression (node-fash has it off) and no filter: every key of a ring that is asked for is there.

use std::fs::File;
use std::io::{BufWriter, IntoInnerError, Write};
use std::path::{Path, PathBuf};

use super::block::BlockBuilder;
use super::coding::{masked_checksum, put_varint};
use super::error::DatabaseError;
use super::file_name;
use super::key;
use super::manifest::TableFile;
use super::table::{BLOCK_TRAILER_SIZE, FOOTER_SIZE, MAGIC};

/// A data block is finished once it is larger; LevelDB's default.
const BLOCK_SIZE: usize = 4 * 1024;
const DATA_RESTART_INTERVAL: usize = 16;
const INDEX_RESTART_INTERVAL: usize = 1;
const NO_COMPRESSION: u8 = 0;

/// A table in the making.
pub(super) struct TableBuilder {
    path: PathBuf,
    number: u64,
    out: BufWriter<File>,
    offset: u64,
    data: BlockBuilder,
    index: BlockBuilder,
    smallest: Option<Vec<u8>>,
    internal_key: Vec<u8>,
}

impl TableBuilder {
    pub(super) fn create(directory: &Path, number: u64) -> Result<Self, DatabaseError> {
        let path = file_name::table_path(directory, number);
        let file = File::create_new(&path).map_err(DatabaseError::io("create", &path))?;
        Ok(Self {
            path,
            number,
            out: BufWriter::with_capacity(1 << 18, file),
            offset: 0,
            data: BlockBuilder::new(DATA_RESTART_INTERVAL),
            index: BlockBuilder::new(INDEX_RESTART_INTERVAL),
            smallest: None,
            internal_key: Vec::new(),
        })
    }

    /// Adds an entry. Keys must come in ascending order; no value is a deletion.
    pub(super) fn add(
        &mut self,
        user_key: &[u8],
        sequence: u64,
        value: Option<&[u8]>,
    ) -> Result<(), DatabaseError> {
        self.internal_key.clear();
        key::put(&mut self.internal_key, user_key, sequence, value.is_none());
        if self.smallest.is_none() {
            self.smallest = Some(self.internal_key.clone());
        }
        self.data.add(&self.internal_key, value.unwrap_or_default());
        if self.data.size() >= BLOCK_SIZE {
            self.finish_data_block()?;
        }
        Ok(())
    }

    /// The size of the table so far, in bytes.
    pub(super) fn size(&self) -> u64 {
        self.offset + self.data.size() as u64
    }

    /// Writes what is left, and waits until the table is on disk.
    pub(super) fn finish(mut self) -> Result<TableFile, DatabaseError> {
        if !self.data.is_empty() {
            self.finish_data_block()?;
        }
        let metaindex = BlockBuilder::new(INDEX_RESTART_INTERVAL).finish();
        let mut footer = self.write_block(&metaindex)?;
        let largest = self.index.last_key().to_vec();
        let index = self.index.finish();
        footer.append(&mut self.write_block(&index)?);
        footer.resize(FOOTER_SIZE - MAGIC.to_le_bytes().len(), 0);
        footer.extend_from_slice(&MAGIC.to_le_bytes());
        self.write(&footer)?;
        let file = self.out.into_inner().map_err(IntoInnerError::into_error);
        file.and_then(|file| file.sync_all()).map_err(DatabaseError::io("write", &self.path))?;
        Ok(TableFile {
            number: self.number,
            size: self.offset,
            smallest: self.smallest.unwrap_or_default(),
            largest,
        })
    }

    /// The index names a block by its last key. (LevelDB shortens these keys; it does not have to.)
    fn finish_data_block(&mut self) -> Result<(), DatabaseError> {
        let last_key = self.data.last_key().to_vec();
        let block = self.data.finish();
        let handle = self.write_block(&block)?;
        self.index.add(&last_key, &handle);
        Ok(())
    }

    /// Writes a block and what stands behind it; returns its handle, encoded.
    fn write_block(&mut self, block: &[u8]) -> Result<Vec<u8>, DatabaseError> {
        let mut handle = Vec::new();
        put_varint(&mut handle, self.offset);
        put_varint(&mut handle, block.len() as u64);
        let mut trailer = [0; BLOCK_TRAILER_SIZE];
        if let Some(checksum) = trailer.last_chunk_mut() {
            *checksum = masked_checksum([block, &[NO_COMPRESSION]]).to_le_bytes();
        }
        self.write(block)?;
        self.write(&trailer)?;
        Ok(handle)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), DatabaseError> {
        self.out.write_all(bytes).map_err(DatabaseError::io("write", &self.path))?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}

//! Blocks of a table: sorted entries with shared prefixes (`table/block.cc` of LevelDB 1.20).
//!
//! An entry is three varints (how many bytes of the key are those of the key before it, how many follow, how long
//! the value is), the rest of the key, and the value. Every so many entries, at a restart point, a key is written
//! whole; the offsets of the restart points and their number stand at the end of the block.

use std::cmp::Ordering;
use std::ops::Range;

use super::coding::{Decoder, put_varint};
use super::key;

/// The block's bytes are not a block; the text says why.
pub(super) type BlockError = &'static str;

/// A block as read: entries and restart points.
pub(super) struct Block {
    bytes: Vec<u8>,
    /// The place at which the entries end and the restart points begin.
    entries_end: usize,
}

impl Block {
    pub(super) fn new(bytes: Vec<u8>) -> Result<Self, BlockError> {
        let (rest, count) = bytes.split_last_chunk().ok_or("a block without restart points")?;
        let restarts = usize::try_from(u32::from_le_bytes(*count))
            .ok()
            .and_then(|count| count.checked_mul(4))
            .ok_or("a block with too many restart points")?;
        let entries_end =
            rest.len().checked_sub(restarts).ok_or("a block with too many restart points")?;
        Ok(Self { bytes, entries_end })
    }

    pub(super) fn value(&self, cursor: &Cursor) -> &[u8] {
        self.bytes.get(cursor.value.clone()).unwrap_or_default()
    }

    fn restart_count(&self) -> usize {
        (self.bytes.len() - self.entries_end) / 4 - 1
    }

    fn restart(&self, index: usize) -> Option<usize> {
        let at = self.bytes.get(self.entries_end + 4 * index..)?;
        Decoder::new(at).fixed32().and_then(|offset| usize::try_from(offset).ok())
    }
}

/// A place in a block: before its first entry, or at an entry.
#[derive(Default)]
pub(super) struct Cursor {
    next: usize,
    key: Vec<u8>,
    value: Range<usize>,
}

impl Cursor {
    /// The internal key of the entry that the cursor is at.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Goes to the next entry; `false` at the end of the block.
    pub(super) fn advance(&mut self, block: &Block) -> Result<bool, BlockError> {
        let rest = block.bytes.get(self.next..block.entries_end).ok_or("an entry out of bounds")?;
        if rest.is_empty() {
            return Ok(false);
        }
        let mut decoder = Decoder::new(rest);
        let (Some(shared), Some(unshared), Some(value_length)) =
            (decoder.length(), decoder.length(), decoder.length())
        else {
            return Err("an entry with a cut header");
        };
        if shared > self.key.len() {
            return Err("an entry that shares more of the key before it than there is");
        }
        let suffix = decoder.bytes(unshared).ok_or("an entry with a cut key")?;
        let value_start = block.entries_end - decoder.len();
        decoder.bytes(value_length).ok_or("an entry with a cut value")?;
        self.key.truncate(shared);
        self.key.extend_from_slice(suffix);
        self.value = value_start..value_start + value_length;
        self.next = self.value.end;
        Ok(true)
    }

    /// Goes to the first entry whose key is `target` or after it; `false` if there is none.
    pub(super) fn seek(&mut self, block: &Block, target: &[u8]) -> Result<bool, BlockError> {
        // The last restart point whose key is before the target: the entry is in its run, or right after it.
        let (mut low, mut high) = (0, block.restart_count());
        while low + 1 < high {
            let middle = usize::midpoint(low, high);
            self.restart_at(block, middle)?;
            if self.advance(block)? && key::compare(&self.key, target) == Ordering::Less {
                low = middle;
            } else {
                high = middle;
            }
        }
        self.restart_at(block, low)?;
        while self.advance(block)? {
            if key::compare(&self.key, target) != Ordering::Less {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn restart_at(&mut self, block: &Block, index: usize) -> Result<(), BlockError> {
        self.key.clear();
        self.next = if block.restart_count() == 0 {
            0
        } else {
            block.restart(index).ok_or("a restart point out of bounds")?
        };
        Ok(())
    }
}

/// Builds a block from entries that come in order.
pub(super) struct BlockBuilder {
    bytes: Vec<u8>,
    restarts: Vec<u32>,
    restart_interval: usize,
    entries_since_restart: usize,
    last_key: Vec<u8>,
}

impl BlockBuilder {
    /// `restart_interval`: entries from one whole key to the next; LevelDB has 16 in data and 1 in index blocks.
    pub(super) fn new(restart_interval: usize) -> Self {
        Self {
            bytes: Vec::new(),
            restarts: vec![0],
            restart_interval,
            entries_since_restart: 0,
            last_key: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.last_key.is_empty()
    }

    /// The internal key of the last entry.
    pub(super) fn last_key(&self) -> &[u8] {
        &self.last_key
    }

    /// The size of the block in bytes if it were finished now.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + 4 * self.restarts.len() + 4
    }

    pub(super) fn add(&mut self, internal_key: &[u8], value: &[u8]) {
        let shared = if self.entries_since_restart < self.restart_interval {
            common_prefix(&self.last_key, internal_key)
        } else {
            // A block of 4 GiB is out of reach: a table is cut long before.
            self.restarts.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
            self.entries_since_restart = 0;
            0
        };
        let suffix = internal_key.get(shared..).unwrap_or_default();
        put_varint(&mut self.bytes, shared as u64);
        put_varint(&mut self.bytes, suffix.len() as u64);
        put_varint(&mut self.bytes, value.len() as u64);
        self.bytes.extend_from_slice(suffix);
        self.bytes.extend_from_slice(value);
        self.last_key.truncate(shared);
        self.last_key.extend_from_slice(suffix);
        self.entries_since_restart += 1;
    }

    /// The finished block; the builder begins anew.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let mut block = std::mem::take(&mut self.bytes);
        for restart in &self.restarts {
            block.extend_from_slice(&restart.to_le_bytes());
        }
        let count = u32::try_from(self.restarts.len()).unwrap_or(u32::MAX);
        block.extend_from_slice(&count.to_le_bytes());
        *self = Self::new(self.restart_interval);
        block
    }
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn internal(user_key: &str) -> Vec<u8> {
        let mut key = Vec::new();
        key::put(&mut key, user_key.as_bytes(), 1, false);
        key
    }

    fn block_of(count: usize, restart_interval: usize) -> Block {
        let mut builder = BlockBuilder::new(restart_interval);
        for number in 0..count {
            builder.add(&internal(&format!("key{number:04}")), number.to_string().as_bytes());
        }
        Block::new(builder.finish()).unwrap()
    }

    #[test]
    fn entries_are_read_in_order_and_found() {
        for (count, restart_interval) in [(0, 16), (1, 16), (16, 16), (17, 16), (100, 16), (100, 1)]
        {
            let block = block_of(count, restart_interval);
            let mut cursor = Cursor::default();
            for number in 0..count {
                assert!(cursor.advance(&block).unwrap());
                assert_eq!(cursor.key(), internal(&format!("key{number:04}")));
                assert_eq!(block.value(&cursor), number.to_string().as_bytes());
            }
            assert!(!cursor.advance(&block).unwrap());
            for number in 0..count {
                let mut cursor = Cursor::default();
                let target = key::seek_target(format!("key{number:04}").as_bytes());
                assert!(cursor.seek(&block, &target).unwrap());
                assert_eq!(block.value(&cursor), number.to_string().as_bytes());
            }
            assert!(!Cursor::default().seek(&block, &key::seek_target(b"kez")).unwrap());
        }
    }

    #[test]
    fn a_block_that_lies_is_an_error() {
        assert!(Block::new(vec![1, 2]).is_err());
        assert!(Block::new(vec![9, 0, 0, 0]).is_err(), "more restart points than bytes");
        let block = Block::new(vec![5, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]).unwrap();
        assert!(Cursor::default().advance(&block).is_err(), "shares a key that is not there");
    }
}

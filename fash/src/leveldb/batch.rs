//! The records of a log: batches of changes (`db/write_batch.cc` of LevelDB 1.20).
//!
//! A batch is the sequence number of its first change (8 bytes), the number of its changes (4), and the changes:
//! a type (0 deletion, 1 value), the key and, for a value, the value, both with their length in front.

use std::ops::Range;

use super::coding::{Decoder, put_length_prefixed};

const DELETION: u8 = 0;
const VALUE: u8 = 1;
const HEADER_SIZE: usize = 12;

/// Changes that take effect together or not at all.
pub(crate) struct Batch {
    bytes: Vec<u8>,
    count: u32,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; HEADER_SIZE], count: 0 }
    }

    /// Sets the value of a key.
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) {
        self.bytes.push(VALUE);
        put_length_prefixed(&mut self.bytes, key);
        put_length_prefixed(&mut self.bytes, value);
        self.count += 1;
    }

    /// Deletes a key, whether it is there or not.
    pub(crate) fn delete(&mut self, key: &[u8]) {
        self.bytes.push(DELETION);
        put_length_prefixed(&mut self.bytes, key);
        self.count += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The batch as it stands in a log, its changes numbered from `sequence` on.
    pub(super) fn encode(mut self, sequence: u64) -> Vec<u8> {
        let header = [&sequence.to_le_bytes()[..], &self.count.to_le_bytes()].concat();
        self.bytes.splice(..HEADER_SIZE, header);
        self.bytes
    }
}

/// One change: where in the batch its key and its value are. No value is a deletion.
pub(super) struct Change {
    pub(super) sequence: u64,
    pub(super) key: Range<usize>,
    pub(super) value: Option<Range<usize>>,
}

/// Calls `take` with every change of a batch, in order; the error says what is wrong with it.
pub(super) fn for_each_change(
    batch: &[u8],
    mut take: impl FnMut(Change),
) -> Result<(), &'static str> {
    let mut decoder = Decoder::new(batch);
    let first = decoder.fixed64().ok_or("a batch that is too short")?;
    let count = decoder.fixed32().ok_or("a batch that is too short")?;
    let mut changes = 0;
    while !decoder.is_empty() {
        let kind = decoder.byte();
        let key = prefixed_range(&mut decoder, batch.len()).ok_or("a batch with a cut key")?;
        let value = match kind {
            Some(VALUE) => {
                Some(prefixed_range(&mut decoder, batch.len()).ok_or("a batch with a cut value")?)
            }
            Some(DELETION) => None,
            _ => return Err("a batch with a change of a type that does not exist"),
        };
        let sequence = first
            .checked_add(changes)
            .filter(|&sequence| sequence <= super::key::MAX_SEQUENCE)
            .ok_or("a batch whose sequence number is out of range")?;
        take(Change { sequence, key, value });
        changes += 1;
    }
    if changes != u64::from(count) {
        return Err("a batch with another number of changes than it says");
    }
    Ok(())
}

fn prefixed_range(decoder: &mut Decoder<'_>, end: usize) -> Option<Range<usize>> {
    let length = decoder.length()?;
    let start = end - decoder.len();
    decoder.bytes(length)?;
    Some(start..start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(batch: &[u8]) -> Result<Vec<Change>, &'static str> {
        let mut changes = Vec::new();
        for_each_change(batch, |change| changes.push(change))?;
        Ok(changes)
    }

    #[test]
    fn a_batch_is_split_into_its_changes() {
        let mut batch = Batch::new();
        batch.put(b"k", b"abc");
        batch.delete(b"kk");
        let batch = batch.encode(7);
        assert_eq!(batch, b"\x07\0\0\0\0\0\0\0\x02\0\0\0\x01\x01k\x03abc\x00\x02kk");
        let changes = changes(&batch).unwrap();
        let texts: Vec<_> = changes
            .iter()
            .map(|change| {
                (
                    change.sequence,
                    &batch[change.key.clone()],
                    change.value.clone().map(|v| &batch[v]),
                )
            })
            .collect();
        assert_eq!(texts, [(7, &b"k"[..], Some(&b"abc"[..])), (8, b"kk", None)]);
    }

    #[test]
    fn a_batch_that_lies_is_refused() {
        let header =
            |count: u32| [1u64.to_le_bytes().to_vec(), count.to_le_bytes().to_vec()].concat();
        assert!(changes(b"short").is_err());
        assert!(changes(&header(1)).is_err());
        assert!(changes(&[header(1), b"\x01\x05k".to_vec()].concat()).is_err());
        assert!(changes(&[header(1), b"\x02\x01k".to_vec()].concat()).is_err());
        assert!(changes(&header(0)).unwrap().is_empty());
    }
}

//! LevelDB's record files: the logs of changes, and the MANIFEST.
//!
//! Format (`doc/log_format.md` of LevelDB): blocks of 32 KiB, filled with fragments of records; a fragment has a
//! checksum (4 bytes), a length (2), a type (1) and its bytes. Where fewer than 7 bytes are left in a block they
//! are filler. LevelDB before 1.14 preallocated its files, so that a file may end in zeros.
//!
//! LevelDB skips what it cannot read; this reader never does. It tells a record that was never finished
//! ([`RecordError::Torn`]: a process died while writing, or somebody cut the file) from damage.

use std::borrow::Cow;

use super::coding::{Decoder, checksum_matches, masked_checksum};

const BLOCK_SIZE: usize = 32 * 1024;
const HEADER_SIZE: usize = 7;

const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;

/// The reason for which a record file cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordError {
    /// The file ends in a record that begins at this byte.
    Torn { offset: usize },
    /// The bytes at this offset are not what was written.
    Corrupt { offset: usize, what: &'static str },
}

/// A record, and where in the file it begins.
pub(super) struct Record<'a> {
    pub(super) offset: usize,
    pub(super) bytes: Cow<'a, [u8]>,
}

struct Fragment<'a> {
    offset: usize,
    kind: u8,
    bytes: &'a [u8],
}

/// Reads the records of a whole file in order.
pub(super) struct RecordReader<'a> {
    file: &'a [u8],
    position: usize,
}

impl<'a> RecordReader<'a> {
    pub(super) fn new(file: &'a [u8]) -> Self {
        Self { file, position: 0 }
    }

    /// The next record, or `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Record<'a>>, RecordError> {
        let Some(first) = self.fragment()? else { return Ok(None) };
        let offset = first.offset;
        match first.kind {
            FULL => return Ok(Some(Record { offset, bytes: Cow::Borrowed(first.bytes) })),
            FIRST => {}
            _ => return Err(corrupt(offset, "a fragment of a record that has no beginning")),
        }
        let mut bytes = first.bytes.to_vec();
        loop {
            let Some(fragment) = self.fragment()? else {
                return Err(RecordError::Torn { offset });
            };
            bytes.extend_from_slice(fragment.bytes);
            match fragment.kind {
                MIDDLE => {}
                LAST => return Ok(Some(Record { offset, bytes: Cow::Owned(bytes) })),
                _ => {
                    let what = "a record begins before the one before it ends";
                    return Err(corrupt(fragment.offset, what));
                }
            }
        }
    }

    fn fragment(&mut self) -> Result<Option<Fragment<'a>>, RecordError> {
        let left_in_block = BLOCK_SIZE - self.position % BLOCK_SIZE;
        if left_in_block < HEADER_SIZE {
            self.position += left_in_block;
        }
        let start = self.position;
        let rest = self.file.get(start..).unwrap_or_default();
        if rest.iter().take(HEADER_SIZE).all(|&byte| byte == 0) {
            // The end, or the beginning of preallocated zeros.
            return match rest.iter().position(|&byte| byte != 0) {
                None => Ok(None),
                Some(_) => Err(corrupt(start, "zeros in the middle of the file")),
            };
        }
        let torn = RecordError::Torn { offset: start };
        let mut decoder = Decoder::new(rest);
        let checksum = decoder.fixed32().ok_or(torn)?;
        let length = usize::from(decoder.fixed16().ok_or(torn)?);
        let kind = decoder.byte().ok_or(torn)?;
        if !(FULL..=LAST).contains(&kind) {
            return Err(corrupt(start, "a fragment of a type that does not exist"));
        }
        if HEADER_SIZE + length > BLOCK_SIZE - start % BLOCK_SIZE {
            return Err(corrupt(start, "a fragment that reaches over the end of its block"));
        }
        let bytes = decoder.bytes(length).ok_or(torn)?;
        if !checksum_matches(checksum, [&[kind], bytes]) {
            return Err(corrupt(start, "the checksum of a fragment does not match its bytes"));
        }
        self.position = start + HEADER_SIZE + length;
        Ok(Some(Fragment { offset: start, kind, bytes }))
    }
}

fn corrupt(offset: usize, what: &'static str) -> RecordError {
    RecordError::Corrupt { offset, what }
}

/// Appends a record to the bytes of a record file that is being built from its start.
pub(super) fn append_record(file: &mut Vec<u8>, mut record: &[u8]) {
    let mut first = true;
    loop {
        let mut left_in_block = BLOCK_SIZE - file.len() % BLOCK_SIZE;
        if left_in_block < HEADER_SIZE {
            file.resize(file.len() + left_in_block, 0);
            left_in_block = BLOCK_SIZE;
        }
        let length = record.len().min(left_in_block - HEADER_SIZE);
        let (fragment, rest) = record.split_at(length);
        let kind = match (first, rest.is_empty()) {
            (true, true) => FULL,
            (true, false) => FIRST,
            (false, false) => MIDDLE,
            (false, true) => LAST,
        };
        file.extend_from_slice(&masked_checksum([&[kind], fragment]).to_le_bytes());
        let [low, high, ..] = length.to_le_bytes();
        file.extend_from_slice(&[low, high, kind]);
        file.extend_from_slice(fragment);
        if rest.is_empty() {
            return;
        }
        record = rest;
        first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_of(records: &[Vec<u8>]) -> Vec<u8> {
        let mut file = Vec::new();
        for record in records {
            append_record(&mut file, record);
        }
        file
    }

    fn read(file: &[u8]) -> Result<Vec<Vec<u8>>, RecordError> {
        let mut reader = RecordReader::new(file);
        let mut records = Vec::new();
        while let Some(record) = reader.next()? {
            records.push(record.bytes.into_owned());
        }
        Ok(records)
    }

    /// Lengths around every edge of a block, and one over several blocks.
    fn records() -> Vec<Vec<u8>> {
        let mut lengths = vec![0, 1, 100_000];
        lengths.extend(BLOCK_SIZE - 20..BLOCK_SIZE + 20);
        (1..).zip(lengths).map(|(filler, length)| vec![filler; length]).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(read(&file_of(&records())), Ok(records()));
    }

    #[test]
    fn preallocated_zeros_at_the_end_are_the_end() {
        for zeros in [1, 6, 7, 8, BLOCK_SIZE, 65_536] {
            let mut file = file_of(&records());
            file.resize(file.len() + zeros, 0);
            assert_eq!(read(&file), Ok(records()), "{zeros} zeros");
        }
    }

    #[test]
    fn a_cut_file_is_torn_or_ends_between_records() {
        let whole = file_of(&[b"one".to_vec(), vec![2; 40_000], b"three".to_vec()]);
        for length in 0..whole.len() {
            match read(whole.get(..length).unwrap()) {
                Ok(records) => assert!(records.len() < 3, "cut at {length}"),
                Err(RecordError::Torn { .. }) => {}
                Err(error) => panic!("cut at {length}: {error:?}"),
            }
        }
    }

    #[test]
    fn a_flipped_bit_never_changes_a_record() {
        let records = vec![b"one".to_vec(), b"two".to_vec(), b"three".to_vec()];
        let whole = file_of(&records);
        for bit in 0..whole.len() * 8 {
            let mut file = whole.clone();
            if let Some(byte) = file.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
            assert!(read(&file).is_err(), "bit {bit}");
        }
    }
}

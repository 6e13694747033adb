//! The MANIFEST: which tables make up the database (`db/version_edit.cc` of LevelDB 1.20).
//!
//! A record file of edits. Each is a run of tagged fields; applied in order they give the state in force.

use std::collections::{BTreeMap, BTreeSet};

use super::coding::{Decoder, put_length_prefixed, put_varint};
use super::record_log::append_record;

const COMPARATOR: u64 = 1;
const LOG_NUMBER: u64 = 2;
const NEXT_FILE_NUMBER: u64 = 3;
const LAST_SEQUENCE: u64 = 4;
const COMPACT_POINTER: u64 = 5;
const DELETED_FILE: u64 = 6;
const NEW_FILE: u64 = 7;
const PREVIOUS_LOG_NUMBER: u64 = 9;

/// The only order of keys that rings have.
const BYTEWISE: &[u8] = b"leveldb.BytewiseComparator";

/// LevelDB has the levels 0 to 6. Tables of level 0 may overlap, the newest first; those of the others do not.
pub(super) const LEVELS: usize = 7;

/// The tables of each level, by number.
pub(super) type Levels = [BTreeMap<u64, TableFile>; LEVELS];

/// A table as the MANIFEST names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableFile {
    pub(super) number: u64,
    /// In bytes.
    pub(super) size: u64,
    /// The table's first internal key.
    pub(super) smallest: Vec<u8>,
    /// The table's last internal key.
    pub(super) largest: Vec<u8>,
}

/// The state of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    /// Logs before this one are in the tables already.
    pub(super) log_number: u64,
    /// One more log to read; only LevelDB before 1.3 wrote one.
    pub(super) previous_log_number: u64,
    pub(super) next_file_number: u64,
    pub(super) last_sequence: u64,
    pub(super) levels: Levels,
}

/// Collects the edits of a MANIFEST.
#[derive(Default)]
pub(super) struct ManifestReader {
    manifest: Manifest,
    /// The tags of the fields seen so far.
    seen: BTreeSet<u64>,
}

impl ManifestReader {
    /// Applies one edit; the error says what is wrong with it.
    pub(super) fn apply(&mut self, edit: &[u8]) -> Result<(), &'static str> {
        const CUT: &str = "an edit with a cut field";
        let mut decoder = Decoder::new(edit);
        let mut added = Vec::new();
        while !decoder.is_empty() {
            let tag = decoder.varint().ok_or(CUT)?;
            self.seen.insert(tag);
            match tag {
                COMPARATOR => {
                    if decoder.length_prefixed().ok_or(CUT)? != BYTEWISE {
                        return Err("the database's keys are not in bytewise order");
                    }
                }
                LOG_NUMBER => {
                    self.manifest.log_number = decoder.varint().ok_or(CUT)?;
                }
                PREVIOUS_LOG_NUMBER => {
                    self.manifest.previous_log_number = decoder.varint().ok_or(CUT)?;
                }
                NEXT_FILE_NUMBER => {
                    self.manifest.next_file_number = decoder.varint().ok_or(CUT)?;
                }
                LAST_SEQUENCE => {
                    self.manifest.last_sequence = decoder.varint().ok_or(CUT)?;
                }
                COMPACT_POINTER => {
                    // Where LevelDB's next compaction of a level begins: of no interest to a reader.
                    level(&mut decoder)?;
                    decoder.length_prefixed().ok_or(CUT)?;
                }
                DELETED_FILE => {
                    let level = level(&mut decoder)?;
                    let number = decoder.varint().ok_or(CUT)?;
                    if let Some(tables) = self.manifest.levels.get_mut(level) {
                        tables.remove(&number);
                    }
                }
                NEW_FILE => {
                    let level = level(&mut decoder)?;
                    let table = TableFile {
                        number: decoder.varint().ok_or(CUT)?,
                        size: decoder.varint().ok_or(CUT)?,
                        smallest: decoder.length_prefixed().ok_or(CUT)?.to_vec(),
                        largest: decoder.length_prefixed().ok_or(CUT)?.to_vec(),
                    };
                    added.push((level, table));
                }
                _ => return Err("an edit with a field that LevelDB 1.20 does not have"),
            }
        }
        // Within one edit LevelDB deletes first: moving a table is one edit.
        for (level, table) in added {
            if let Some(tables) = self.manifest.levels.get_mut(level) {
                tables.insert(table.number, table);
            }
        }
        Ok(())
    }

    /// The state after the last edit; the error says what no edit has set.
    pub(super) fn finish(self) -> Result<Manifest, &'static str> {
        let required = [
            (COMPARATOR, "no edit names the order of the keys"),
            (NEXT_FILE_NUMBER, "no edit sets the next file number"),
            (LOG_NUMBER, "no edit sets the log number"),
            (LAST_SEQUENCE, "no edit sets the last sequence number"),
        ];
        match required.iter().find(|(tag, _)| !self.seen.contains(tag)) {
            Some((_, missing)) => Err(missing),
            None => Ok(self.manifest),
        }
    }
}

fn level(decoder: &mut Decoder<'_>) -> Result<usize, &'static str> {
    decoder.length().filter(|&level| level < LEVELS).ok_or("an edit with a level out of range")
}

impl Manifest {
    /// The bytes of a MANIFEST file that has this state as its only edit.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut edit = Vec::new();
        put_varint(&mut edit, COMPARATOR);
        put_length_prefixed(&mut edit, BYTEWISE);
        for (tag, value) in [
            (LOG_NUMBER, self.log_number),
            (PREVIOUS_LOG_NUMBER, self.previous_log_number),
            (NEXT_FILE_NUMBER, self.next_file_number),
            (LAST_SEQUENCE, self.last_sequence),
        ] {
            put_varint(&mut edit, tag);
            put_varint(&mut edit, value);
        }
        for (level, tables) in self.levels.iter().enumerate() {
            for table in tables.values() {
                put_varint(&mut edit, NEW_FILE);
                put_varint(&mut edit, level as u64);
                put_varint(&mut edit, table.number);
                put_varint(&mut edit, table.size);
                put_length_prefixed(&mut edit, &table.smallest);
                put_length_prefixed(&mut edit, &table.largest);
            }
        }
        let mut file = Vec::new();
        append_record(&mut file, &edit);
        file
    }
}

#[cfg(test)]
mod tests {
    use super::super::record_log::RecordReader;
    use super::*;

    fn decode(file: &[u8]) -> Result<Manifest, &'static str> {
        let mut reader = ManifestReader::default();
        let mut records = RecordReader::new(file);
        while let Some(edit) = records.next().map_err(|_| "bad record")? {
            reader.apply(&edit.bytes)?;
        }
        reader.finish()
    }

    #[test]
    fn a_manifest_round_trips() {
        let mut manifest = Manifest {
            log_number: 7,
            previous_log_number: 0,
            next_file_number: 900,
            last_sequence: 1 << 40,
            ..Manifest::default()
        };
        for number in 3..300_u64 {
            let table = TableFile {
                number,
                size: number * 1000,
                smallest: b"smallest".to_vec(),
                largest: b"z-largest".to_vec(),
            };
            let level = usize::try_from(number).unwrap() % LEVELS;
            manifest.levels[level].insert(number, table);
        }
        assert_eq!(decode(&manifest.encode()), Ok(manifest));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(decode(&[]), Err("no edit names the order of the keys"));
        let mut reader = ManifestReader::default();
        assert_eq!(reader.apply(&[7, 9]), Err("an edit with a level out of range"));
        assert_eq!(reader.apply(&[7, 0, 1]), Err("an edit with a cut field"));
        assert_eq!(
            reader.apply(b"\x01\x03xyz"),
            Err("the database's keys are not in bytewise order")
        );
    }
}

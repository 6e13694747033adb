//! The changes in a database's logs: what is in no table yet, sorted.

use std::ops::Range;

use super::batch;

/// The place of an entry: its batch, and there its key and its value (none: a deletion). A log of a large edit has
/// millions of these, so they are kept small; no batch has 4 GiB.
struct Slot {
    sequence: u64,
    batch: u32,
    key: Range<u32>,
    value: Option<Range<u32>>,
}

/// An entry: the newest version of its key in the logs.
#[derive(Clone, Copy)]
pub(super) struct MemoryEntry<'a> {
    pub(super) key: &'a [u8],
    pub(super) sequence: u64,
    pub(super) value: Option<&'a [u8]>,
}

/// The newest version of every key in the logs, in key order.
#[derive(Default)]
pub(super) struct Memory {
    batches: Vec<Vec<u8>>,
    slots: Vec<Slot>,
}

impl Memory {
    /// Takes in a batch; the error says what is wrong with it. Call [`Self::sort`] after the last one.
    pub(super) fn add(&mut self, batch: Vec<u8>) -> Result<(), &'static str> {
        const TOO_LARGE: &str = "a batch of more than 4 GiB";
        let number = u32::try_from(self.batches.len()).map_err(|_| TOO_LARGE)?;
        u32::try_from(batch.len()).map_err(|_| TOO_LARGE)?;
        let short = |range: Range<usize>| -> Range<u32> {
            let [start, end] =
                [range.start, range.end].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
            start..end
        };
        batch::for_each_change(&batch, |change| {
            let batch::Change { sequence, key, value } = change;
            let (key, value) = (short(key), value.map(short));
            self.slots.push(Slot { sequence, batch: number, key, value });
        })?;
        self.batches.push(batch);
        Ok(())
    }

    /// Brings the entries into key order and keeps the newest version of each.
    pub(super) fn sort(&mut self) {
        let mut slots = std::mem::take(&mut self.slots);
        slots.sort_by(|a, b| self.key(a).cmp(self.key(b)).then(b.sequence.cmp(&a.sequence)));
        slots.dedup_by(|later, earlier| self.key(later) == self.key(earlier));
        self.slots = slots;
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// In bytes.
    pub(super) fn size(&self) -> u64 {
        self.batches.iter().map(|batch| batch.len() as u64).sum()
    }

    pub(super) fn entry(&self, index: usize) -> Option<MemoryEntry<'_>> {
        self.slots.get(index).map(|slot| MemoryEntry {
            key: self.key(slot),
            sequence: slot.sequence,
            value: slot.value.clone().map(|value| self.bytes(slot, value)),
        })
    }

    /// The index of the first entry whose key is `key` or after it.
    pub(super) fn position(&self, key: &[u8]) -> usize {
        self.slots.partition_point(|slot| self.key(slot) < key)
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<MemoryEntry<'_>> {
        self.entry(self.position(key)).filter(|entry| entry.key == key)
    }

    pub(super) fn last_sequence(&self) -> u64 {
        self.slots.iter().map(|slot| slot.sequence).max().unwrap_or(0)
    }

    fn key(&self, slot: &Slot) -> &[u8] {
        self.bytes(slot, slot.key.clone())
    }

    fn bytes(&self, slot: &Slot, range: Range<u32>) -> &[u8] {
        let range = range.start as usize..range.end as usize;
        self.batches.get(slot.batch as usize).and_then(|batch| batch.get(range)).unwrap_or_default()
    }
}

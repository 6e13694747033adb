//! The time for which moved vnodes took no writes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The time for which vnodes took no writes when they went from one shard to another, as clients saw it: from the start of the
/// first write that failed after the last that the old shard acknowledged, until the end of the first that was
/// acknowledged again. Lengths are in microseconds. It cannot be told apart from the pauses between a vnode's writes: it
/// is good where writes to a vnode are more frequent than the block is long.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteBlock {
    /// Handovers of vnodes that had writes acknowledged by both shards.
    pub handovers: u64,
    /// Those during which a write failed. The lengths are of these.
    pub blocked: u64,
    /// The longest.
    pub longest: u64,
    /// The vnode that had it.
    pub longest_of: Option<u32>,
    /// The median.
    pub median: u64,
    /// The time at which the first write failed, in microseconds since 1970.
    pub first: Option<u64>,
    /// The time at which the last vnode took writes again.
    pub last: Option<u64>,
}

/// A write that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answered<'a> {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) failed: bool,
    /// The shard that acknowledged it. Not all acknowledgements tell.
    pub(super) pnode: Option<&'a str>,
}

impl WriteBlock {
    /// Of the writes of each vnode.
    pub(super) fn of(vnodes: &BTreeMap<u32, Vec<Answered<'_>>>) -> Self {
        let mut block = Self::default();
        let mut lengths = Vec::new();
        for (vnode, writes) in vnodes {
            for (old, new) in handovers(writes) {
                block.handovers += 1;
                let Some((from, until)) = blocked(writes, old, new) else { continue };
                let length = until.saturating_sub(from);
                if block.longest_of.is_none() || length > block.longest {
                    (block.longest, block.longest_of) = (length, Some(*vnode));
                }
                block.first = Some(block.first.map_or(from, |first| first.min(from)));
                block.last = block.last.max(Some(until));
                lengths.push(length);
            }
        }
        lengths.sort_unstable();
        block.blocked = lengths.len() as u64;
        block.median = lengths.get(lengths.len() / 2).copied().unwrap_or_default();
        block
    }
}

/// The last write that a shard acknowledged and the first that the next one did.
fn handovers<'a>(writes: &[Answered<'a>]) -> Vec<(Answered<'a>, Answered<'a>)> {
    let mut told: Vec<_> = writes.iter().filter(|write| write.pnode.is_some()).copied().collect();
    told.sort_by_key(|write| (write.end, write.start));
    let pairs = told.iter().zip(told.iter().skip(1));
    pairs.filter(|(old, new)| old.pnode != new.pnode).map(|(old, new)| (*old, *new)).collect()
}

/// From when until when no write was acknowledged between two that were. `None`: none failed.
fn blocked(writes: &[Answered<'_>], old: Answered<'_>, new: Answered<'_>) -> Option<(u64, u64)> {
    let between =
        |write: &&Answered<'_>| write.failed && write.start >= old.start && write.start <= new.end;
    let failed: Vec<u64> = writes.iter().filter(between).map(|write| write.start).collect();
    let (first, last) = (*failed.iter().min()?, *failed.iter().max()?);
    // One that does not tell its shard counts too, but not one that the old shard still had under way.
    let again = writes.iter().filter(|write| !write.failed && write.start >= last);
    let until = again.map(|write| write.end).min().map_or(new.end, |end| end.min(new.end));
    Some((first, until))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn write(start: u64, end: u64, pnode: Option<&'static str>) -> Answered<'static> {
        Answered { start, end, failed: false, pnode }
    }

    const fn failed(start: u64, end: u64) -> Answered<'static> {
        Answered { start, end, failed: true, pnode: None }
    }

    fn of(vnodes: &[&[Answered<'static>]]) -> WriteBlock {
        let numbered = vnodes.iter().map(|writes| writes.to_vec());
        WriteBlock::of(&(0..).zip(numbered).collect())
    }

    #[test]
    fn a_block_is_from_the_first_failure_to_the_first_acknowledgement() {
        let (old, new) = (Some("old"), Some("new"));
        let moved: &[_] = &[
            failed(1, 2),
            write(10, 20, old),
            failed(30, 31),
            failed(40, 41),
            // It was under way at the old shard, and tells nothing.
            write(25, 35, None),
            write(50, 60, new),
            failed(70, 71),
            write(80, 81, new),
        ];
        let without: &[_] = &[write(10, 20, old), write(30, 40, new)];
        let batched: &[_] =
            &[write(10, 20, old), failed(30, 31), write(32, 35, None), write(50, 60, new)];
        let stayed: &[_] = &[write(10, 20, old), failed(30, 90), write(100, 101, old)];
        let block = of(&[moved, without, batched, stayed]);
        assert_eq!((block.handovers, block.blocked), (3, 2));
        assert_eq!((block.longest, block.longest_of, block.median), (30, Some(0), 30));
        assert_eq!((block.first, block.last), (Some(30), Some(60)));
        assert_eq!(of(&[batched]).longest, 5);
        assert_eq!(of(&[]), WriteBlock::default());
    }
}

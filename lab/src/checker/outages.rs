//! The times at which requests failed, as clients saw it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The times at which the requests of some vnodes failed. Lengths are in microseconds.
///
/// An outage of a vnode is from the start of a request that failed until the end of the last that did before one was
/// answered. It is what clients saw: between requests nobody knows, so it is at least so long at a high rate of
/// requests. At a low one it may be too short, or too long: failures without a request between them that was answered
/// are one outage, however far apart they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outages {
    /// The number of requests that failed.
    pub failed: u64,
    /// The number of them that failed with each error.
    pub errors: BTreeMap<String, u64>,
    /// The number of outages.
    pub count: u64,
    /// The longest of a vnode.
    pub longest: u64,
    /// The vnode that had it.
    pub longest_of: Option<u32>,
    /// All outages of all vnodes, one after another.
    pub total: u64,
    /// The time during which any of the vnodes had an outage: of moved vnodes, the write block.
    pub union: u64,
    /// The longest piece of it.
    pub longest_union: u64,
    /// The time at which the first outage began, in microseconds since 1970.
    pub first: Option<u64>,
    /// The time at which the last one ended.
    pub last: Option<u64>,
    /// The vnodes that had outages.
    pub vnodes: BTreeMap<u32, VnodeOutages>,
}

/// The times at which the requests of a vnode failed. Lengths are in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VnodeOutages {
    /// The number of outages.
    pub count: u64,
    /// The longest.
    pub longest: u64,
    /// All.
    pub total: u64,
}

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample<'a> {
    pub(super) vnode: u32,
    pub(super) start: u64,
    pub(super) end: u64,
    /// The error, if it failed.
    pub(super) error: Option<&'a str>,
}

impl Outages {
    pub(super) fn of<'a>(samples: impl Iterator<Item = Sample<'a>>) -> Self {
        let mut outages = Self::default();
        let mut by_vnode: BTreeMap<u32, Vec<Sample<'_>>> = BTreeMap::new();
        for sample in samples {
            by_vnode.entry(sample.vnode).or_default().push(sample);
        }
        let mut all = Vec::new();
        for (vnode, mut samples) in by_vnode {
            samples.sort_by_key(|sample| sample.start);
            for error in samples.iter().filter_map(|sample| sample.error) {
                outages.failed += 1;
                *outages.errors.entry(error.to_owned()).or_default() += 1;
            }
            let intervals = intervals(&samples);
            if intervals.is_empty() {
                continue;
            }
            let lengths = || intervals.iter().map(|(start, end)| end - start);
            let longest = lengths().max().unwrap_or_default();
            let (count, total) = (intervals.len() as u64, lengths().sum());
            if longest > outages.longest || outages.longest_of.is_none() {
                (outages.longest, outages.longest_of) = (longest, Some(vnode));
            }
            outages.count += count;
            outages.total += total;
            outages.vnodes.insert(vnode, VnodeOutages { count, longest, total });
            all.extend(intervals);
        }
        outages.unite(all);
        outages
    }

    fn unite(&mut self, mut intervals: Vec<(u64, u64)>) {
        intervals.sort_unstable();
        self.first = intervals.first().map(|(start, _)| *start);
        self.last = intervals.iter().map(|(_, end)| *end).max();
        let mut united: Vec<(u64, u64)> = Vec::new();
        for (start, end) in intervals {
            match united.last_mut() {
                Some((_, last)) if start <= *last => *last = end.max(*last),
                _ => united.push((start, end)),
            }
        }
        let lengths = || united.iter().map(|(start, end)| end - start);
        (self.union, self.longest_union) = (lengths().sum(), lengths().max().unwrap_or_default());
    }
}

/// The outages of one vnode, whose requests are in the order of their starts.
fn intervals(samples: &[Sample<'_>]) -> Vec<(u64, u64)> {
    let mut intervals: Vec<(u64, u64)> = Vec::new();
    let mut open = false;
    for sample in samples {
        match (sample.error, intervals.last_mut()) {
            (None, _) => open = false,
            (Some(_), Some((_, end))) if open => *end = sample.end.max(*end),
            (Some(_), _) => {
                intervals.push((sample.start, sample.end.max(sample.start)));
                open = true;
            }
        }
    }
    intervals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages_end_with_an_answer_and_unite_over_vnodes() {
        let sample = |vnode, start, end, failed: bool| Sample {
            vnode,
            start,
            end,
            error: failed.then_some("ReadOnlyError"),
        };
        let samples = [
            sample(1, 0, 5, false),
            sample(1, 10, 15, true),
            sample(1, 30, 35, true),
            sample(1, 40, 45, false),
            sample(1, 50, 52, true),
            sample(2, 30, 38, true),
            sample(3, 0, 100, false),
        ];
        let outages = Outages::of(samples.into_iter());
        assert_eq!((outages.failed, outages.count, outages.total), (4, 3, 25 + 2 + 8));
        assert_eq!((outages.longest, outages.longest_of), (25, Some(1)));
        assert_eq!((outages.union, outages.longest_union), (28 + 2, 28));
        assert_eq!((outages.first, outages.last), (Some(10), Some(52)));
        assert_eq!(outages.vnodes[&1], VnodeOutages { count: 2, longest: 25, total: 27 });
        assert_eq!(outages.vnodes.len(), 2);
        assert_eq!(Outages::of([].into_iter()), Outages::default());
    }
}

//! The findings of a comparison.

use std::collections::BTreeSet;
use std::fmt;

use crate::quantity::time_of_millis;

/// The progress of [`Verify`](super::Verify).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyProgress {
    /// The bucket that is compared.
    pub bucket: String,
    /// The last key of the last page; `None` at the end of the bucket.
    pub up_to: Option<String>,
    /// The rows of the source that were compared so far, of all buckets.
    pub rows: u64,
    /// The differences so far.
    pub differences: u64,
}

/// The result of comparing the rows of a move.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The rows of the source that were compared.
    pub rows: u64,
    /// Those of them that were compared with all their columns.
    pub whole: u64,
    /// The rows that differ, and nothing explains it.
    pub differences: Vec<Difference>,
    /// The number of rows that differed and wait in the log.
    pub pending: u64,
    /// The rows that differed and were written each time that they were looked at, as bucket and key.
    pub unsettled: Vec<(String, String)>,
    /// False if it ended early because there were too many differences.
    pub is_complete: bool,
}

impl Verified {
    /// True if every row was compared, and all are the same, or will be when the log is replayed.
    pub fn is_sound(&self) -> bool {
        self.is_complete && self.differences.is_empty() && self.unsettled.is_empty()
    }
}

/// A row that is not the same at source and target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// The row at the source; `None` if there is none, or none of the move.
    pub source: Option<SeenVersion>,
    /// The row at the target.
    pub target: Option<SeenVersion>,
    /// The names of the columns that differ, if both sides have a row.
    pub columns: Vec<String>,
}

/// A version of a row, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenVersion {
    /// Its `_etag`.
    pub etag: Option<String>,
    /// Its `_mtime`, in milliseconds since 1970.
    pub mtime: Option<i64>,
    /// Its `_vnode`.
    pub vnode: Option<i64>,
    /// The length of its `_value` in bytes.
    pub length: Option<u64>,
}

/// The age of the target's row, compared with the source's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// It was written earlier.
    Older,
    /// It was written later.
    Newer,
    /// Both were written in the same millisecond, a row is missing, or one does not tell when it was written.
    Unknown,
}

impl Difference {
    /// The age of the target's row. One without `_mtime` is neither older nor newer than another.
    pub fn age(&self) -> Age {
        let time = |row: &Option<SeenVersion>| row.as_ref().and_then(|row| row.mtime);
        match (time(&self.source), time(&self.target)) {
            (Some(source), Some(target)) if target < source => Age::Older,
            (Some(source), Some(target)) if target > source => Age::Newer,
            _ => Age::Unknown,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, key, source, target, columns } = self;
        match (source, target) {
            (Some(source), None) => {
                write!(f, "{bucket} {key:?} is not at the target; the source has {source}")
            }
            (None, Some(target)) => {
                write!(f, "{bucket} {key:?} is not at the source; the target has {target}")
            }
            (Some(source), Some(target)) => {
                let columns = columns.join(", ");
                write!(
                    f,
                    "{bucket} {key:?} differs in {columns}: the source has {source}, the target {target}"
                )
            }
            (None, None) => write!(f, "{bucket} {key:?} is at neither"),
        }
    }
}

impl fmt::Display for SeenVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.etag {
            Some(etag) => write!(f, "etag {etag}")?,
            None => f.write_str("no etag")?,
        }
        match self.mtime {
            Some(mtime) => write!(f, ", written at {}", time_of_millis(mtime))?,
            None => f.write_str(", written at an unknown time")?,
        }
        match self.vnode {
            Some(vnode) => write!(f, ", vnode {vnode}")?,
            None => f.write_str(", no vnode")?,
        }
        write!(f, ", {} bytes", self.length.unwrap_or(0))
    }
}

/// The findings while pages are compared.
#[derive(Debug)]
pub(super) struct Findings {
    verified: Verified,
    /// Keys of the present bucket that differed in a page.
    suspects: BTreeSet<String>,
    most: usize,
}

impl Findings {
    pub(super) fn new(most: usize) -> Self {
        let verified = Verified { is_complete: true, ..Verified::default() };
        Self { verified, suspects: BTreeSet::new(), most: most.max(1) }
    }

    pub(super) fn count(&mut self, rows: u64, is_whole: bool) {
        self.verified.rows += rows;
        self.verified.whole += if is_whole { rows } else { 0 };
    }

    pub(super) fn suspect(&mut self, keys: impl IntoIterator<Item = String>) {
        self.suspects.extend(keys);
    }

    pub(super) fn has_suspects(&self, number: usize) -> bool {
        self.suspects.len() >= number
    }

    pub(super) fn take_suspects(&mut self) -> Vec<String> {
        std::mem::take(&mut self.suspects).into_iter().collect()
    }

    pub(super) fn differs(&mut self, difference: Difference) {
        self.verified.differences.push(difference);
        self.verified.is_complete &= !self.is_full();
    }

    pub(super) fn waits(&mut self) {
        self.verified.pending += 1;
    }

    pub(super) fn does_not_settle(&mut self, bucket: &str, key: String) {
        self.verified.unsettled.push((bucket.to_owned(), key));
        self.verified.is_complete &= !self.is_full();
    }

    /// True if there are so many differences that more of them tell nothing.
    pub(super) fn is_full(&self) -> bool {
        self.verified.differences.len() + self.verified.unsettled.len() >= self.most
    }

    pub(super) fn progress(&self, bucket: &str, up_to: Option<String>) -> VerifyProgress {
        let differences = u64::try_from(self.verified.differences.len()).unwrap_or(u64::MAX);
        VerifyProgress { bucket: bucket.to_owned(), up_to, rows: self.verified.rows, differences }
    }

    pub(super) fn verified(self) -> Verified {
        self.verified
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r22_a_row_that_does_not_tell_when_it_was_written_is_neither_older_nor_newer() {
        let row = |mtime| Some(SeenVersion { etag: None, mtime, vnode: None, length: None });
        let age = |source, target| {
            let (bucket, key) = ("manta".to_owned(), "/a".to_owned());
            Difference { bucket, key, source, target, columns: Vec::new() }.age()
        };
        assert_eq!(age(row(Some(2)), row(Some(1))), Age::Older);
        assert_eq!(age(row(Some(1)), row(Some(2))), Age::Newer);
        assert_eq!(age(row(Some(1)), row(Some(1))), Age::Unknown);
        assert_eq!(age(row(None), row(Some(2))), Age::Unknown);
        assert_eq!(age(row(Some(1)), row(None)), Age::Unknown);
        assert_eq!(age(None, row(Some(1))), Age::Unknown);
    }
}

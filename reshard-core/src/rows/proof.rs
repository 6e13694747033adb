//! The proof that a ghost row may be deleted.
//!
//! A row that a shard should not have may be deleted if its keeper has the same or a newer one, or if it is certain that the
//! keeper once had this very version: then whatever is there now is what became of it. The databases of a split are physical
//! copies of one another, so the keeper had every version that was written before the copies parted. When that was is told by
//! transaction numbers: those of the source count up, and the copies go on from where they parted.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use manatee_client::ShardName;
use serde::{Deserialize, Serialize};

use super::RowsError;
use crate::deployment::Database;
use crate::quantity::time_of_millis;

/// Numbers below are PostgreSQL's own: bootstrap and frozen rows of versions before 9.4, which do not tell who wrote them.
const FIRST_NORMAL: u32 = 3;

/// A snapshot of transactions, PostgreSQL's `txid_snapshot`, with its two ends.
///
/// The list of transactions in progress in between does not name their parts (subtransactions), so nothing can be said of
/// the transactions in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Every transaction before this one had ended.
    pub xmin: u64,
    /// This one and those after it had not begun.
    pub xmax: u64,
}

/// The text is no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a snapshot; one looks like 1000:1004:1000,1002")]
pub struct InvalidSnapshot(String);

impl FromStr for Snapshot {
    type Err = InvalidSnapshot;

    fn from_str(text: &str) -> Result<Self, InvalidSnapshot> {
        let invalid = || InvalidSnapshot(text.chars().take(64).collect());
        let mut parts = text.splitn(3, ':');
        let mut number = || parts.next().and_then(|part| part.parse().ok()).ok_or_else(invalid);
        let (xmin, xmax) = (number()?, number()?);
        if xmin > xmax || parts.next().is_none() {
            return Err(invalid());
        }
        Ok(Self { xmin, xmax })
    }
}

/// Until when the shards of a split were copies of one another. Transactions are counted without wrapping around.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofPoints {
    /// The first transaction of the source that may be missing in a target.
    pub split: u64,
    /// For each target the first transaction that may be its own; earlier ones came from the source. Those that came late,
    /// after `split`, are of rows that the source keeps: the others could not be written any more.
    pub ends: BTreeMap<ShardName, u64>,
}

impl ProofPoints {
    /// The first transaction whose rows at `holder` the keeper need never have had; `None` if nothing is known.
    pub fn until(&self, source: &ShardName, holder: &ShardName, keeper: &ShardName) -> Option<u64> {
        if holder != source && keeper == source {
            return self.ends.get(holder).copied();
        }
        Some(self.split)
    }
}

/// The point where a target's own transactions begin: asked after it has left the source and before anything is written to it.
///
/// # Errors
///
/// [`RowsError`]
pub async fn end_of_copying(target: &Database) -> Result<u64, RowsError> {
    Ok(current_snapshot(target).await?.xmin)
}

pub(super) async fn current_snapshot(database: &Database) -> Result<Snapshot, RowsError> {
    let sql = "SELECT txid_current_snapshot()::text";
    let text: String = database.value("ask for a snapshot", sql, &[]).await?;
    text.parse().map_err(|_| RowsError::Unexpected { what: format!("the snapshot {text:?}") })
}

/// The full number of the transaction that a row names with its lower 32 bits, given the first number that was not yet in
/// use when the row was read. `None` if the row does not tell.
///
/// A row that is older than four thousand million transactions is taken for a younger one.
pub(super) fn full_transaction(xmin: u32, next: u64) -> Option<u64> {
    if xmin < FIRST_NORMAL {
        return None;
    }
    let same_epoch = (next & !u64::from(u32::MAX)) | u64::from(xmin);
    if same_epoch < next { Some(same_epoch) } else { same_epoch.checked_sub(1 << 32) }
}

/// A version of a row, as far as proofs need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenRow {
    /// Its `_etag`; absent if it is NULL.
    pub etag: Option<String>,
    /// Its `_mtime`, in milliseconds since 1970; absent if it is NULL.
    pub mtime: Option<i64>,
}

impl SeenRow {
    /// True if this certainly is the same version as the other. NULL is not equal to anything.
    fn is_same(&self, other: &Self) -> bool {
        matches!((&self.etag, &other.etag), (Some(one), Some(other)) if one == other)
    }

    /// True if this certainly is newer than the other. NULL is neither older nor newer.
    fn is_newer(&self, other: &Self) -> bool {
        matches!((self.mtime, other.mtime), (Some(one), Some(other)) if one > other)
    }
}

impl fmt::Display for SeenRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.etag {
            Some(etag) => write!(f, "etag {etag}, ")?,
            None => f.write_str("without an etag, ")?,
        }
        match self.mtime {
            Some(mtime) => write!(f, "written at {}", time_of_millis(mtime)),
            None => f.write_str("written at an unknown time"),
        }
    }
}

/// Tells whether a ghost may be deleted: `kept` is what its keeper has under the key, `transaction` the one that wrote the ghost,
/// `until` the first transaction that the keeper need not have had.
pub(super) fn is_proven(
    ghost: &SeenRow,
    transaction: Option<u64>,
    until: Option<u64>,
    kept: Option<&SeenRow>,
) -> bool {
    if kept.is_some_and(|kept| kept.is_same(ghost) || kept.is_newer(ghost)) {
        return true;
    }
    matches!((transaction, until), (Some(transaction), Some(until)) if transaction < until)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seen(etag: &str, mtime: i64) -> SeenRow {
        SeenRow { etag: Some(etag.to_owned()), mtime: Some(mtime) }
    }

    #[test]
    fn snapshots_are_read() {
        assert_eq!("10:20:11,15".parse(), Ok(Snapshot { xmin: 10, xmax: 20 }));
        assert_eq!("10:10:".parse(), Ok(Snapshot { xmin: 10, xmax: 10 }));
        for bad in ["", "10", "10:20", "20:10:", "a:b:", "-1:3:"] {
            assert!(bad.parse::<Snapshot>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_ghost_is_proven_by_its_keepers_row_or_by_its_age() {
        let ghost = seen("A", 100);
        let young = Some(50);
        let until = Some(50);
        assert!(!is_proven(&ghost, young, until, None), "it may be the only copy");
        assert!(!is_proven(&ghost, young, until, Some(&seen("B", 99))), "the keeper's is older");
        assert!(!is_proven(&ghost, young, until, Some(&seen("B", 100))), "which one is newer?");
        assert!(is_proven(&ghost, young, until, Some(&seen("A", 1))));
        assert!(is_proven(&ghost, young, until, Some(&seen("B", 101))));
        assert!(is_proven(&ghost, Some(49), until, None), "the keeper had it and deleted it");
        assert!(!is_proven(&ghost, Some(49), None, None), "nobody knows what the keeper had");
        assert!(!is_proven(&ghost, None, until, None), "nobody knows how old it is");
    }

    #[test]
    fn which_point_counts_depends_on_both_sides() {
        let name = |text: &str| -> ShardName { text.parse().unwrap() };
        let (source, three, four) = (name("1.moray.x"), name("3.moray.x"), name("4.moray.x"));
        let points = ProofPoints { split: 100, ends: [(three.clone(), 200)].into() };
        assert_eq!(points.until(&source, &source, &three), Some(100));
        assert_eq!(points.until(&source, &three, &source), Some(200));
        assert_eq!(points.until(&source, &three, &four), Some(100));
        assert_eq!(points.until(&source, &four, &source), None);
    }

    fn any_row() -> impl Strategy<Value = SeenRow> {
        let etag = proptest::option::of(proptest::sample::select(vec!["A", "B"]));
        (etag, proptest::option::of(0i64..3))
            .prop_map(|(etag, mtime)| SeenRow { etag: etag.map(str::to_owned), mtime })
    }

    proptest! {
        /// Without the proof by age, a ghost goes only if its keeper's row is the same or newer, and both say so.
        #[test]
        fn null_proves_nothing(ghost in any_row(), kept in any_row()) {
            let proven = is_proven(&ghost, None, None, Some(&kept));
            let same = ghost.etag.is_some() && ghost.etag == kept.etag;
            let newer = ghost.mtime.is_some() && kept.mtime.is_some() && kept.mtime > ghost.mtime;
            prop_assert_eq!(proven, same || newer);
            let nameless = |row: &SeenRow| SeenRow { etag: None, ..row.clone() };
            let undated = |row: &SeenRow| SeenRow { mtime: None, ..row.clone() };
            prop_assert!(!is_proven(&nameless(&undated(&ghost)), None, None, Some(&kept)));
            prop_assert!(!is_proven(&ghost, None, None, Some(&nameless(&undated(&kept)))));
        }

        #[test]
        fn transactions_get_their_full_numbers(next in 3u64..1 << 40, back in 1u64..(1 << 32)) {
            let Some(written) = next.checked_sub(back) else { return Ok(()) };
            let xmin = u32::try_from(written & u64::from(u32::MAX)).unwrap();
            let expected = (xmin >= FIRST_NORMAL).then_some(written);
            prop_assert_eq!(full_transaction(xmin, next), expected);
        }
    }
}

//! The point where a shard's history parts.

use jiff::Timestamp;
use manatee_client::{Lsn, ShardName};
use serde::{Deserialize, Serialize};

/// The point of a source's history from which on its new shards go their own way: the moving vnodes were not written after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitPoint {
    /// The source.
    pub source: ShardName,
    /// The primary's position: the new peers have replayed all of it.
    pub lsn: Lsn,
    /// `txid_current_snapshot()` of the primary, just before: `xmin:xmax:list`.
    pub snapshot: String,
    /// The time at which it was taken.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_written_as_postgresql_writes_them() {
        let point = SplitPoint {
            source: "1.moray.a.b".parse().unwrap(),
            lsn: "2C/5A0001F8".parse().unwrap(),
            snapshot: "10:10:".to_owned(),
            at: Timestamp::UNIX_EPOCH,
        };
        let text = serde_json::to_string(&point).unwrap();
        assert!(text.contains("\"2C/5A0001F8\""), "{text}");
        assert_eq!(serde_json::from_str::<SplitPoint>(&text).unwrap(), point);
    }
}

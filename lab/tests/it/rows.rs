//! Names, rows and routes of the tests.

use std::collections::BTreeMap;

use lab::checker::{DirectoryCount, Row};
use lab::load::log::WriteId;

/// The shards.
pub(crate) const PNODES: [&str; 2] = ["tcp://1.moray.test:2020", "tcp://2.moray.test:2020"];
/// The beginning of all keys of the simulated load.
pub(crate) const PREFIX: &str = "/u/stor/load/";

/// The directory of a key, or what follows the colon of an upload's key.
pub(crate) fn transform(bucket: &str, key: &str) -> String {
    let path = match bucket {
        "manta" => key,
        "manta_uploads" => key.split_once(':').map_or(key, |(_, path)| path),
        _ => return key.to_owned(),
    };
    path.rsplit_once('/').map_or(path, |(directory, _)| directory).to_owned()
}

/// The row that a write makes.
pub(crate) fn row(bucket: &str, key: &str, write: WriteId, vnode: Option<u32>) -> Row {
    Row {
        bucket: bucket.into(),
        key: key.into(),
        write: Some(write),
        etag: format!("{:08X}", write.number * 7).into(),
        hash: write.number,
        vnode: vnode.map(i64::from),
        intact: true,
    }
}

/// The counts of the trigger.
pub(crate) fn counts(rows: &[Row]) -> Vec<DirectoryCount> {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for row in rows.iter().filter(|row| &*row.bucket == "manta") {
        *counts.entry(transform("manta", &row.key)).or_default() += 1;
    }
    let count = |(directory, entries): (String, i64)| DirectoryCount {
        directory: directory.into(),
        entries: Some(entries),
    };
    counts.into_iter().map(count).collect()
}

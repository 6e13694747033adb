//! The contents of the shards.

use std::sync::Arc;

use crate::load::log::WriteId;

/// All shards, as they were read.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The shards.
    pub shards: Vec<Shard>,
}

/// A shard, as it was at one instant.
#[derive(Clone, Debug, Default)]
pub struct Shard {
    /// Its name in rings, such as `tcp://1.moray.example.com:2020`.
    pub pnode: String,
    /// The instant was not before this, in microseconds since 1970.
    pub read_from: u64,
    /// The instant was not after this.
    pub read_until: u64,
    /// The rows of the buckets that are sharded.
    pub rows: Vec<Row>,
    /// The rows of `manta_directory_counts`. None if they were not read.
    pub counts: Option<Vec<DirectoryCount>>,
}

/// A row of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The bucket.
    pub bucket: Arc<str>,
    /// The object's key.
    pub key: Box<str>,
    /// The id in its value. None if no load has written it.
    pub write: Option<WriteId>,
    /// Its etag.
    pub etag: Box<str>,
    /// A hash of its value.
    pub hash: u64,
    /// Its column `_vnode`.
    pub vnode: Option<i64>,
    /// True if the etag is that of the value.
    pub intact: bool,
}

/// A row of `manta_directory_counts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryCount {
    /// The directory.
    pub directory: Box<str>,
    /// The number of objects in it; absent if that is NULL, which counts nothing and is no zero.
    pub entries: Option<i64>,
}

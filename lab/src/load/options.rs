//! The options of a [`Load`](super::Load).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The amount of load, its place, and its kind.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// The routers: electric-moray's, or the load balancers in front of them. Each worker takes them in turn.
    pub addresses: Vec<SocketAddr>,
    /// The log. There must be no such file yet.
    pub log: PathBuf,
    /// The number of writes that are due in a second. Default: 100.
    pub writes_per_second: f64,
    /// The number of reads that are due in a second. Default: 100.
    pub reads_per_second: f64,
    /// The number of workers that write; as many read. Each makes one request at a time, so there must be enough: the rate
    /// times the time of a request. Default: 32.
    pub workers: usize,
    /// The number of objects that there can be. Default: 10,000.
    pub keys: usize,
    /// Over how many directories they are spread; each directory lies on a vnode. Default: 500.
    pub directories: usize,
    /// To how many accounts the directories belong. Default: 4.
    pub owners: usize,
    /// The frequency of each kind of write.
    pub mix: Mix,
    /// The part of the puts, 0 to 1, that is made like the commit of a multipart upload: a batch of the object and the
    /// upload's record. Such rows have a null in their column `_vnode`. Default: 0.05.
    pub batch_share: f64,
    /// The part of the writes, 0 to 1, that demands the object's etag, or that there is no object. Default: 0.3.
    pub conditional_share: f64,
    /// The seed that decides the choices. Default: 0.
    pub seed: u64,
    /// The number of the run. Runs with different numbers have different keys. Default: any.
    pub run: Option<u32>,
    /// The longest that a request may take before its outcome counts as unknown. Default: 5 s.
    pub request_timeout: Duration,
    /// The longest that connecting may take. Default: 1 s.
    pub connect_timeout: Duration,
    /// The most that a worker may be late. What was due before that is left out, and counted. Default: 10 s.
    pub max_lateness: Duration,
}

/// The frequency of each kind of write, relative to the others. Where there is nothing to overwrite or delete, an object is
/// put, and where there are all objects already, one is overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// An object that was not there. Default: 4.
    pub put_new: u32,
    /// An object that was. Default: 5.
    pub overwrite: u32,
    /// The deletion of one. Default: 1.
    pub delete: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Self { put_new: 4, overwrite: 5, delete: 1 }
    }
}

impl LoadOptions {
    /// Default options for these routers and this log.
    pub fn new(addresses: Vec<SocketAddr>, log: impl Into<PathBuf>) -> Self {
        Self {
            addresses,
            log: log.into(),
            writes_per_second: 100.0,
            reads_per_second: 100.0,
            workers: 32,
            keys: 10_000,
            directories: 500,
            owners: 4,
            mix: Mix::default(),
            batch_share: 0.05,
            conditional_share: 0.3,
            seed: 0,
            run: None,
            request_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(1),
            max_lateness: Duration::from_secs(10),
        }
    }
}

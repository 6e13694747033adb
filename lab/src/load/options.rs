//! What a [`Load`](super::Load) is told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How much load, where, and of what kind.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// The routers: electric-moray's, or the load balancers in front of them. Each worker takes them in turn.
    pub addresses: Vec<SocketAddr>,
    /// The log. There must be no such file yet.
    pub log: PathBuf,
    /// How many writes are due in a second. Default: 100.
    pub writes_per_second: f64,
    /// How many reads are due in a second. Default: 100.
    pub reads_per_second: f64,
    /// How many workers write, and as many read. Each makes one request at a time, so there must be enough: the rate
    /// times the time of a request. Default: 32.
    pub workers: usize,
    /// How many objects there can be. Default: 10,000.
    pub keys: usize,
    /// Over how many directories they are spread; each directory lies on a vnode. Default: 500.
    pub directories: usize,
    /// To how many accounts the directories belong. Default: 4.
    pub owners: usize,
    /// How often which write is made.
    pub mix: Mix,
    /// Which part of the puts, 0 to 1, is made like the commit of a multipart upload: a batch of the object and the
    /// upload's record. Such rows have a null in their column `_vnode`. Default: 0.05.
    pub batch_share: f64,
    /// Which part of the writes, 0 to 1, demands the object's etag, or that there is no object. Default: 0.3.
    pub conditional_share: f64,
    /// What decides the choices. Default: 0.
    pub seed: u64,
    /// The number of the run. Runs with different numbers have different keys. Default: any.
    pub run: Option<u32>,
    /// How long a request may take before its outcome counts as unknown. Default: 5 s.
    pub request_timeout: Duration,
    /// How long connecting may take. Default: 1 s.
    pub connect_timeout: Duration,
    /// How far a worker may be late. What was due before that is left out, and counted. Default: 10 s.
    pub max_lateness: Duration,
}

/// How often which write is made, relative to the others. Where there is nothing to overwrite or delete, an object is
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

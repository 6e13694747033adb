//! The requests of a load, as its log tells them while it is written: since when those of some shards are served.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lab::load::log::{Line, LogReader, Outcome, ReadResult};
use manatee_client::ShardName;

use super::started::Region;

/// The requests that have to be answered, one after the other, before a shard is taken to serve.
const ENOUGH: usize = 10;

/// A request that is over. Times are in microseconds since 1970.
struct Request {
    directory: String,
    start: u64,
    end: u64,
    failed: Option<String>,
    /// The shard that a router named.
    pnode: Option<String>,
}

/// The present time, in microseconds since 1970.
pub(super) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_micros()).unwrap()
}

impl Region {
    /// Waits until requests for objects of these shards are answered, all that are made from then on. Returns the time that this
    /// took since then, and says which requests failed.
    pub(super) async fn served(&self, shards: &[ShardName], since: u64) -> Duration {
        let (took, failed) =
            self.until("requests to be served", async || self.served_since(shards, since)).await;
        println!("{shards:?} served after {took:?}; failed meanwhile: {failed:?}");
        took
    }

    fn served_since(
        &self,
        shards: &[ShardName],
        since: u64,
    ) -> Option<(Duration, BTreeMap<String, u32>)> {
        let requests = self.requests();
        // The last name that a router gave is that of now.
        let owners: BTreeMap<&str, &str> = requests
            .iter()
            .filter_map(|request| Some((&*request.directory, &**request.pnode.as_ref()?)))
            .collect();
        let is_theirs = |request: &&Request| {
            let owner = owners.get(&*request.directory);
            owner.is_some_and(|owner| shards.iter().any(|shard| owner.contains(shard.as_str())))
        };
        let theirs = requests.iter().filter(|request| request.start >= since).filter(is_theirs);
        let (answered, failed): (Vec<&Request>, Vec<&Request>) =
            theirs.partition(|request| request.failed.is_none());
        let last = failed.iter().map(|request| request.start).max().unwrap_or(since);
        let after: Vec<u64> =
            answered.iter().filter(|it| it.start >= last).map(|it| it.end).collect();
        if after.len() < ENOUGH {
            return None;
        }
        let mut errors = BTreeMap::new();
        for error in failed.iter().filter_map(|request| request.failed.clone()) {
            *errors.entry(error).or_default() += 1;
        }
        let first = after.iter().min()?;
        Some((Duration::from_micros(first - since), errors))
    }

    /// The requests for objects of the bucket `manta` that are over.
    fn requests(&self) -> Vec<Request> {
        let lines = LogReader::open(&self.file("load.log")).unwrap();
        let epoch = lines.header().epoch;
        let directory = |key: &str| key.rsplit_once('/').map_or(key, |(head, _)| head).to_owned();
        let (mut begun, mut requests) = (BTreeMap::new(), Vec::new());
        for line in lines {
            match line.unwrap() {
                Line::Intent(intent) => {
                    let change = intent.changes.iter().find(|change| change.bucket == "manta");
                    let of_objects = change.map(|change| (intent.start, directory(&change.key)));
                    begun.insert(intent.id, of_objects);
                }
                Line::Outcome(line) => {
                    let Some(Some((start, directory))) = begun.remove(&line.id) else { continue };
                    let (failed, pnode) = match line.outcome {
                        Outcome::Acknowledged { node, .. } => (None, node.map(|node| node.pnode)),
                        // It was the load that demanded an object that is not there.
                        Outcome::Refused { error } if error == "EtagConflictError" => (None, None),
                        Outcome::Refused { error } | Outcome::Unknown { error } => {
                            (Some(error), None)
                        }
                    };
                    let (start, end) = (epoch + start, epoch + line.end);
                    requests.push(Request { directory, start, end, failed, pnode });
                }
                Line::Read(read) if read.bucket == "manta" => {
                    let (failed, pnode) = match read.result {
                        ReadResult::Found { node, .. } => (None, node.map(|node| node.pnode)),
                        ReadResult::Absent => (None, None),
                        ReadResult::Failed { error } => (Some(error), None),
                    };
                    let (start, end) = (epoch + read.start, epoch + read.end);
                    let directory = directory(&read.key);
                    requests.push(Request { directory, start, end, failed, pnode });
                }
                Line::Header(_) | Line::Read(_) => {}
            }
        }
        requests
    }
}

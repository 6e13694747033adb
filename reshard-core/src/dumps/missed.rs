//! Dumps that did not happen because they were locked out.

use jiff::Timestamp;
use manatee_client::ShardName;
use serde::{Deserialize, Serialize};

use super::schedule::Schedule;

/// More are not listed.
const MOST: usize = 1000;

/// A dump that did not happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedDump {
    /// The shard that was not dumped: the lock is one for all.
    pub shard: ShardName,
    /// The time at which it would have been.
    pub at: Timestamp,
}

/// The dumps that would have begun while they were locked out, in the order of time.
pub fn missed_dumps(
    shards: &[ShardName],
    schedules: &[Schedule],
    from: Timestamp,
    to: Timestamp,
) -> Vec<MissedDump> {
    let mut times: Vec<Timestamp> =
        schedules.iter().flat_map(|schedule| schedule.between(from, to, MOST)).collect();
    times.sort_unstable();
    times.dedup();
    let all = times
        .into_iter()
        .flat_map(|at| shards.iter().map(move |shard| MissedDump { shard: shard.clone(), at }));
    all.take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shard_misses_its_dump() {
        let shards = ["1.moray.a.b".parse().unwrap(), "2.moray.a.b".parse().unwrap()];
        let from = "2024-05-06T23:00:00Z".parse().unwrap();
        let to = "2024-05-07T01:00:00Z".parse().unwrap();
        let twice = [Schedule::nightly(), Schedule::nightly()];
        let missed = missed_dumps(&shards, &twice, from, to);
        assert_eq!(missed.len(), 2);
        assert_eq!(missed[1].shard, shards[1]);
        assert_eq!(missed[1].at.to_string(), "2024-05-07T00:00:00Z");
    }
}

//! Writers that do to a few rows whatever clients do, all the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::fixture::{Shard, keys};
use super::pair::put_entry;
use crate::deployment::Database;

/// Writers of one shard.
pub(in crate::guard) struct Writers {
    tasks: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    commits: Arc<AtomicU64>,
}

/// A generator of numbers, the same ones each time.
#[derive(Debug)]
pub(in crate::guard) struct Numbers(u64);

impl Numbers {
    pub(in crate::guard) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next number below `end`.
    pub(in crate::guard) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// Keys that move, and some that stay.
pub(in crate::guard) fn some_keys(count: usize) -> Vec<String> {
    keys(true).take(count).chain(keys(false).take(count / 4)).collect()
}

impl Writers {
    /// Starts so many, each with a connection of its own, on these keys.
    pub(in crate::guard) async fn start(shard: &Shard, count: u64, keys: &[String]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let commits = Arc::new(AtomicU64::new(0));
        let mut tasks = Vec::new();
        for seed in 1..=count {
            let database = shard.connect_as_moray().await;
            let (keys, stop, commits) = (keys.to_vec(), stop.clone(), commits.clone());
            tasks.push(tokio::spawn(async move {
                let mut numbers = Numbers::new(seed);
                while !stop.load(Ordering::Relaxed) {
                    if write(&database, &keys, &mut numbers).await {
                        commits.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }));
        }
        Self { tasks, stop, commits }
    }

    /// Lets them end what they do, and tells how many transactions they committed.
    pub(in crate::guard) async fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        self.commits.load(Ordering::Relaxed)
    }

    /// Lets them write for a time.
    pub(in crate::guard) async fn work(self, time: Duration) -> u64 {
        tokio::time::sleep(time).await;
        self.stop().await
    }
}

/// One transaction of one to four statements. False if it was not committed: some are rolled back, and some find themselves in
/// a deadlock.
async fn write(database: &Database, keys: &[String], numbers: &mut Numbers) -> bool {
    let mut sql = vec!["BEGIN".to_owned()];
    for _ in 0..=numbers.below(4) {
        sql.push(statement(&keys[numbers.below(keys.len())], numbers));
    }
    let is_committed = numbers.below(10) > 0;
    sql.push(if is_committed { "COMMIT" } else { "ROLLBACK" }.to_owned());
    if database.batch_execute(&sql.join(";")).await.is_err() {
        database.batch_execute("ROLLBACK").await.unwrap();
        return false;
    }
    is_committed
}

/// One of the things that clients do to a row.
fn statement(key: &str, numbers: &mut Numbers) -> String {
    let value = numbers.below(1_000_000).to_string();
    let update = |change: &str| format!("UPDATE manta SET {change} WHERE _key = '{key}'");
    match numbers.below(20) {
        0..=7 => update(&format!("_value = '{value}', _mtime = _mtime + 1")),
        8..=12 => put_entry(key, &value),
        13..=15 => format!("DELETE FROM manta WHERE _key = '{key}'"),
        16 => {
            let change = update(&format!("_value = '{value}'"));
            format!("SELECT 1 FROM manta WHERE _key = '{key}' FOR UPDATE; {change}")
        }
        // As batches leave rows.
        17 => update(&format!("_vnode = NULL, _value = '{value}'")),
        18 => {
            let directory = crate::keys::hashed_part("manta", key);
            format!("UPDATE manta SET _etag = '{value:0>8}' WHERE dirname = '{directory}'")
        }
        // Away from its vnode, and perhaps back again later.
        _ => update(&format!("_vnode = {}", numbers.below(64))),
    }
}

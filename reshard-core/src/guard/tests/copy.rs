//! Copying into a shard that has rows already.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::super::replay::Texts;
use super::super::{
    Copy, CopyOptions, FenceOptions, GuardError, SealOptions, fence, open_target, seal,
};
use super::fixture::{hash, keys};
use super::pair::{NUMBER, Pair, READER, READS_SLOWLY, eventually, put_entry, slow_reads};
use super::writers::{Writers, some_keys};
use crate::deployment::Database;

impl Pair {
    /// A copy in chunks of so many rows.
    async fn copy(&self, chunk: u32) -> Copy {
        let options = CopyOptions { chunk, ..CopyOptions::default() };
        let [source, target] = self.endpoints();
        Copy::connect(self.lease, NUMBER, &hash(), &source, &target, options).await.unwrap()
    }

    /// Rows of `manta`, and their counters, half of which move; none of them in the log.
    async fn fill(&self, count: usize) {
        for key in some_keys(count) {
            self.write(&put_entry(&key, "1")).await;
        }
        let sql = "INSERT INTO manta_uploads (_key, _value, _etag, _vnode, strings) \
                   SELECT md5(i::text), repeat('é', i), 'A', nullif(i % 64, 7), ARRAY['a', NULL] FROM generate_series(1, 300) i";
        self.write(sql).await;
        self.at_source
            .batch_execute("TRUNCATE reshard.log_0, reshard.log_1, reshard.log_2")
            .await
            .unwrap();
    }
}

/// Copies what is left, and counts the chunks.
async fn copy_all(copy: &mut Copy) -> u64 {
    let mut chunks = 0;
    while copy.next().await.unwrap() {
        chunks += 1;
    }
    chunks
}

/// Rows of the target's own, with and without vnodes, are neither touched nor missed; those without `_vnode` are the move's by
/// their keys (rule R17).
#[tokio::test]
async fn r9_the_moves_rows_are_copied_and_no_others() {
    let pair = Pair::start().await;
    pair.fill(200).await;
    let of_source = keys(true).take(40).collect::<Vec<_>>();
    pair.write(&format!("UPDATE manta SET _vnode = NULL WHERE _key = '{}'", of_source[3])).await;
    for (key, number) in keys(false).skip(300).take(32).zip(0..) {
        let own = format!(
            "SET session_replication_role = replica; \
             INSERT INTO manta (_key, _value, _etag, _vnode) VALUES ('{key}', 'own', 'A', nullif({number} * 2, 6)); \
             RESET session_replication_role"
        );
        pair.at_target.batch_execute(&own).await.unwrap();
    }
    let mut copy = pair.copy(50).await;
    let chunks = copy_all(&mut copy).await;
    assert!(chunks >= 10, "{chunks}");
    assert_eq!(pair.differing().await, [""; 0]);
    let sql = "SELECT count(*) FROM manta WHERE _value = 'own'";
    assert_eq!(pair.at_target.value::<i64>("count", sql, &[]).await.unwrap(), 32);
    let sql = "SELECT count(*) FROM manta WHERE _vnode % 2 = 0 AND _value <> 'own'";
    assert_eq!(pair.at_target.value::<i64>("count", sql, &[]).await.unwrap(), 0);
    // All of it is there: another one has nothing to do.
    assert_eq!(copy_all(&mut pair.copy(50).await).await, 0);
}

/// A copy goes on where the last one that was committed ended.
#[tokio::test]
async fn r9_a_copy_that_was_stopped_goes_on() {
    let pair = Pair::start().await;
    pair.fill(200).await;
    let mut chunks = 0;
    let mut progress = None;
    for _ in 0..100 {
        let mut copy = pair.copy(100).await;
        let Ok(done) = tokio::time::timeout(Duration::from_millis(15), copy.next()).await else {
            continue;
        };
        if !done.unwrap() {
            break;
        }
        chunks += 1;
        let sql = "SELECT string_agg(bucket || coalesce(last_key, '') || is_done::text, ';' ORDER BY bucket) FROM reshard.copy";
        let place: Option<String> = pair.at_target.value("look", sql, &[]).await.unwrap();
        assert_ne!(place, progress);
        progress = place;
    }
    copy_all(&mut pair.copy(100).await).await;
    println!("{chunks} chunks before the last copy");
    assert_eq!(pair.differing().await, [""; 0]);
}

/// An entry whose row is not copied yet waits: replayed, it would be undone by the chunk that was read before.
#[tokio::test]
async fn r9_entries_of_rows_that_are_not_copied_yet_wait() {
    let pair = Pair::start().await;
    pair.fill(100).await;
    let mut sorted: Vec<String> = some_keys(100)
        .into_iter()
        .filter(|key| keys(true).take(100).any(|it| it == *key))
        .collect();
    sorted.sort();
    let mut copy = pair.copy(20).await;
    let mut replay = pair.replay(2).await;
    let (first, last) = (&sorted[0], sorted.last().unwrap());
    for key in [first, last] {
        pair.write(&format!("DELETE FROM manta WHERE _key = '{key}'")).await;
    }
    // Two rows and their two counters.
    assert_eq!(pair.entries().await, 4);
    assert_eq!(replay.drain(Duration::ZERO).await.unwrap().entries, 0);
    assert!(!replay.drain(Duration::from_millis(200)).await.unwrap().is_empty);
    assert_eq!(pair.entries().await, 4);
    // The buckets are copied one after the other.
    let sql =
        "SELECT coalesce((SELECT last_key > $1 FROM reshard.copy WHERE bucket = 'manta'), false)";
    while !pair.at_target.value::<bool>("look", sql, &[first]).await.unwrap() {
        assert!(copy.next().await.unwrap());
    }
    replay.drain(Duration::from_millis(200)).await.unwrap();
    let left = pair.at_source.query("SELECT bucket, key FROM reshard.log", &[]).await.unwrap();
    let left: Vec<(String, String)> =
        left.iter().map(|row| (row.try_get(0).unwrap(), row.try_get(1).unwrap())).collect();
    assert!(left.contains(&("manta".to_owned(), last.clone())), "{left:?}");
    assert!(!left.contains(&("manta".to_owned(), first.clone())), "{left:?}");
    copy_all(&mut copy).await;
    assert!(replay.drain(Duration::from_secs(9)).await.unwrap().is_empty);
    assert_eq!(pair.differing().await, [""; 0]);
}

/// If the entry of such a row is replayed before its chunk is in, the chunk brings the row back.
#[tokio::test]
async fn r9_a_row_that_is_deleted_while_its_chunk_is_on_its_way_stays_deleted() {
    let pair = Pair::start().await;
    pair.fill(10).await;
    let key = keys(true).next().unwrap();
    let [source, target] = pair.endpoints();
    let options = CopyOptions::default();
    let mut copy =
        Copy::connect(pair.lease, NUMBER, &hash(), &source, &target, options).await.unwrap();
    // The chunk is read, and its COMMIT held up: it waits for a lock that its last statement needs.
    let holder = pair.target.connect().await;
    holder.batch_execute("BEGIN; SELECT 1 FROM reshard.copy FOR UPDATE").await.unwrap();
    let meanwhile = async {
        eventually(&pair.at_target, WAITS_FOR_ITS_PLACE).await;
        pair.write(&format!("DELETE FROM manta WHERE _key = '{key}'")).await;
        let mut replay = pair.replay_with(1, Texts::default()).await;
        replay.drain(Duration::from_millis(300)).await.unwrap();
        holder.batch_execute("COMMIT").await.unwrap();
    };
    tokio::join!(copy_all(&mut copy), meanwhile);
    pair.drain().await;
    assert_eq!(pair.differing().await, [""; 0]);
}

/// A row that the target has already is left out, and told.
#[tokio::test]
async fn r9_a_row_whose_key_the_target_has_is_left_out() {
    let pair = Pair::start().await;
    pair.fill(50).await;
    let taken: Vec<String> = keys(true).take(3).collect();
    for key in &taken {
        let sql = format!(
            "SET session_replication_role = replica; {}; RESET session_replication_role",
            put_entry(key, "the target's")
        );
        pair.at_target.batch_execute(&sql).await.unwrap();
    }
    let progress = pair.copy(1_000).await.run(std::future::pending(), &|_| ()).await.unwrap();
    assert_eq!((progress.skipped, progress.up_to), (3, None), "{}", progress.rows);
    let mut expected: Vec<String> = taken.iter().map(|key| format!("manta {key}")).collect();
    expected.sort();
    assert_eq!(pair.differing().await, expected);
}

/// A target into which not everything was copied stays closed: what is not copied yet is not replayed either, so an empty log does
/// not say that it is all there.
#[tokio::test]
async fn r9_a_target_opens_only_with_all_rows() {
    let pair = Pair::start().await;
    pair.fill(50).await;
    let mut copy = pair.copy(20).await;
    assert!(copy.next().await.unwrap());
    let mut source = pair.source.session(pair.lease.plan, pair.lease.epoch).await;
    let mut target = pair.target.session(pair.lease.plan, pair.lease.epoch).await;
    let fence = fence(&mut source, NUMBER, &FenceOptions::default()).await.unwrap();
    let sealed = seal(&mut source, &fence, &SealOptions::default()).await.unwrap();
    let error = open_target(&mut target, &sealed).await.unwrap_err();
    assert!(matches!(&error, GuardError::NotCopied { bucket, .. } if bucket == "manta"), "{error}");
    copy_all(&mut copy).await;
    open_target(&mut target, &sealed).await.unwrap();
}

#[tokio::test]
async fn r9_two_copies_do_not_go_on_from_the_same_place() {
    let pair = Pair::start().await;
    pair.fill(50).await;
    let (mut one, mut other) = (pair.copy(20).await, pair.copy(20).await);
    assert!(one.next().await.unwrap());
    let error = other.next().await.unwrap_err();
    assert!(matches!(error, GuardError::CopiedByAnother { .. }), "{error}");
    copy_all(&mut one).await;
    assert_eq!(pair.differing().await, [""; 0]);
    // Nor does somebody whose lease is lost.
    let pair = Pair::start().await;
    pair.fill(50).await;
    let mut zombie = pair.copy(20).await;
    drop(pair.target.session(pair.lease.plan, 2).await);
    assert!(matches!(zombie.next().await.unwrap_err(), GuardError::LeaseLost { .. }));
}

/// Whoever wants the table for itself gets it: a long chunk is given up, and made again.
#[tokio::test]
async fn r11_a_chunk_is_given_up_for_who_waits_for_the_table_at_the_target() {
    let pair = Pair::start().await;
    pair.fill(100).await;
    let mut copy = pair.copy(1_000).await;
    // The chunk waits for a lock of a row, with the table locked.
    let holder = pair.target.connect().await;
    holder.batch_execute("BEGIN; SELECT 1 FROM reshard.copy FOR UPDATE").await.unwrap();
    let muskie = async {
        eventually(&pair.at_target, WAITS_FOR_ITS_PLACE).await;
        let took = lock_table(&pair.at_target).await;
        holder.batch_execute("COMMIT").await.unwrap();
        took
    };
    let (progress, took) = tokio::join!(copy.run(std::future::pending(), &|_| ()), muskie);
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(progress.unwrap().given_up >= 1);
    assert_eq!(pair.differing().await, [""; 0]);
}

#[tokio::test]
async fn r11_a_chunk_is_given_up_for_who_waits_for_the_table_at_the_source() {
    let pair = Pair::start().await;
    pair.fill(100).await;
    let holder = slow_reads(&pair.source).await;
    let [mut source, target] = pair.endpoints();
    source.user = READER.to_owned();
    let options = CopyOptions::default();
    let mut copy =
        Copy::connect(pair.lease, NUMBER, &hash(), &source, &target, options).await.unwrap();
    let muskie = async {
        eventually(&pair.at_source, READS_SLOWLY).await;
        let took = lock_table(&pair.at_source).await;
        drop(holder);
        took
    };
    let (progress, took) = tokio::join!(copy.run(std::future::pending(), &|_| ()), muskie);
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(progress.unwrap().given_up >= 1);
    assert_eq!(pair.differing().await, [""; 0]);
}

/// True while a chunk waits to note its place.
const WAITS_FOR_ITS_PLACE: &str = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE reshard.copy%')";

/// Wants the table for itself, and tells how long it waited.
async fn lock_table(database: &Database) -> Duration {
    let begun = Instant::now();
    let sql = "SET lock_timeout = '3s'; BEGIN; LOCK TABLE manta; COMMIT";
    database.batch_execute(sql).await.unwrap();
    begun.elapsed()
}

/// Copying while rows are written and entries replayed, and stopped now and then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r9_a_copy_under_load_loses_nothing() {
    let pair = Pair::start().await;
    pair.fill(400).await;
    let writers = Writers::start(&pair.source, 4, &some_keys(400)).await;
    let mut replay = pair.replay(2).await;
    let stop = Notify::new();
    let copying = async {
        let limit = NonZeroU32::new(500);
        for _ in 0..3 {
            let options = CopyOptions { chunk: 30, rows_per_second: limit };
            let [source, target] = pair.endpoints();
            let mut copy = Copy::connect(pair.lease, NUMBER, &hash(), &source, &target, options)
                .await
                .unwrap();
            copy.run(tokio::time::sleep(Duration::from_millis(400)), &|_| ()).await.unwrap();
        }
        copy_all(&mut pair.copy(100).await).await;
        stop.notify_one();
    };
    let (followed, ()) = tokio::join!(replay.follow(stop.notified(), &|_| ()), copying);
    let commits = writers.stop().await;
    pair.drain().await;
    println!("{commits} commits, {:?}", followed.unwrap());
    assert_eq!(pair.differing().await, [""; 0]);
}

#[tokio::test]
async fn r9_a_copy_keeps_to_its_rate() {
    let pair = Pair::start().await;
    pair.fill(100).await;
    let [source, target] = pair.endpoints();
    let options = CopyOptions { chunk: 20, rows_per_second: NonZeroU32::new(200) };
    let mut copy =
        Copy::connect(pair.lease, NUMBER, &hash(), &source, &target, options).await.unwrap();
    let begun = Instant::now();
    let progress = copy.run(std::future::pending(), &|_| ()).await.unwrap();
    let least = Duration::from_secs(progress.rows) / 200;
    assert!(begun.elapsed() >= least, "{} rows in {:?}", progress.rows, begun.elapsed());
}

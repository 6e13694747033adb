//! Checks of replaying that can be made with wrong code as well: each is passed by the code as it is, and
//! failed with a bug planted in it.

use std::time::Duration;

use super::super::replay::{Batch, Texts, Worker};
use super::fixture::{changed, keys, put};
use super::pair::{Pair, eventually, put_entry};
use crate::guard::GuardError;

/// A row that is written after it was read, and before its entry is deleted, is replayed once more.
async fn keeps_what_is_written_meanwhile(pair: &Pair, texts: Texts) -> bool {
    let key = keys(true).next().unwrap();
    pair.write(&put_entry(&key, "first")).await;
    let mut replay = pair.replay_with(1, texts).await;
    let worker = &mut replay.workers()[0];
    let mut open = worker.open().await.unwrap().unwrap();
    open.put().await.unwrap();
    pair.write(&put_entry(&key, "second")).await;
    let applied = open.commit().await.unwrap();
    worker.forget(&applied).await.unwrap();
    replay.drain(Duration::from_secs(9)).await.unwrap();
    pair.differing().await.is_empty()
}

#[tokio::test]
async fn r5_a_row_that_is_written_after_it_was_read_is_replayed_again() {
    assert!(keeps_what_is_written_meanwhile(&Pair::start().await, Texts::default()).await);
}

#[tokio::test]
async fn planted_r5_a_log_without_duplicates_loses_a_write() {
    let pair = Pair::start().await;
    let guard = include_str!("../sql/guard.sql");
    let (begin, end) = ("CREATE FUNCTION reshard.pass(", "CREATE FUNCTION reshard.check_row()");
    let pass = &guard[guard.find(begin).unwrap()..guard.find(end).unwrap()];
    let pass = changed(pass, "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION");
    let values = "VALUES (the_move, the_bucket, the_key, the_vnode)";
    let unless_there = "SELECT the_move, the_bucket, the_key, the_vnode WHERE NOT EXISTS (SELECT 1 FROM reshard.log \
                        WHERE log.bucket = the_bucket AND log.key = the_key)";
    pair.at_source.batch_execute(&changed(&pass, values, unless_there)).await.unwrap();
    assert!(!keeps_what_is_written_meanwhile(&pair, Texts::default()).await);
}

#[tokio::test]
async fn planted_r5_deleting_entries_by_key_loses_a_write() {
    let mut texts = Texts::default();
    let by_key = "key IN (SELECT log.key FROM reshard.log WHERE log.entry = ANY ($1::bigint[]))";
    texts.forget = changed(&texts.forget, "entry = ANY ($1::bigint[])", by_key);
    assert!(!keeps_what_is_written_meanwhile(&Pair::start().await, texts).await);
}

/// A key is replayed by one transaction at a time: while one has its row, and it is deleted, the other has nothing to do.
async fn keeps_a_key_in_one_place(pair: &Pair, texts: Texts) -> bool {
    let key = keys(true).next().unwrap();
    pair.write(&put(&key, "first")).await;
    let mut replay = pair.replay_with(2, texts).await;
    let [one, other] = replay.workers() else { panic!("there are two") };
    let is_ones = one.open().await.unwrap().is_some();
    let (one, other) = if is_ones { (one, other) } else { (other, one) };
    let mut open = one.open().await.unwrap().unwrap();
    open.put().await.unwrap();
    // This entry has the next number: it would be the other's, if entries were divided instead of keys.
    pair.write(&format!("DELETE FROM manta WHERE _key = '{key}'")).await;
    other.batch().await.unwrap();
    let applied = open.commit().await.unwrap();
    one.forget(&applied).await.unwrap();
    replay.drain(Duration::from_secs(9)).await.unwrap();
    pair.differing().await.is_empty()
}

#[tokio::test]
async fn r7_a_key_is_replayed_by_one_worker() {
    assert!(keeps_a_key_in_one_place(&Pair::start().await, Texts::default()).await);
}

#[tokio::test]
async fn planted_r7_two_workers_on_one_key_end_with_the_older_row() {
    let mut texts = Texts::default();
    texts.entries = changed(&texts.entries, "pg_catalog.hashtext(log.key)", "log.entry::integer");
    assert!(!keeps_a_key_in_one_place(&Pair::start().await, texts).await);
}

/// An entry is there until its row is on the disk of the target's standby.
async fn keeps_entries_until_the_standby_has_the_rows(pair: &mut Pair, texts: Texts) -> bool {
    let key = keys(true).next().unwrap();
    pair.write(&put_entry(&key, "1")).await;
    let mut replay = pair.replay_with(1, texts).await;
    let worker = &mut replay.workers()[0];
    let mut open = worker.open().await.unwrap().unwrap();
    open.put().await.unwrap();
    pair.target.chain.stop(1);
    let waits = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep')";
    // Either it waits for the standby, or it is done without.
    let is_kept = tokio::select! {
        applied = open.commit() => { drop(applied.unwrap()); false }
        () = eventually(&pair.at_target, waits) => true,
    };
    pair.target.chain.resume(1);
    is_kept && pair.entries().await == 2
}

#[tokio::test]
async fn r5_an_entry_is_deleted_after_the_standby_has_its_row() {
    let mut pair = Pair::start_with([1, 2]).await;
    assert!(keeps_entries_until_the_standby_has_the_rows(&mut pair, Texts::default()).await);
}

#[tokio::test]
async fn planted_r5_a_commit_that_is_not_flushed_is_no_commit() {
    let mut pair = Pair::start_with([1, 2]).await;
    let mut texts = Texts::default();
    texts.putting = changed(&texts.putting, "synchronous_commit = on", "synchronous_commit = off");
    assert!(!keeps_entries_until_the_standby_has_the_rows(&mut pair, texts).await);
}

/// The order of a batch, and the same with the entries deleted first.
async fn batch(
    worker: &mut Worker,
    other: &mut Worker,
    deletes_first: bool,
) -> Result<Batch, GuardError> {
    if !deletes_first {
        return worker.batch().await;
    }
    let Some(mut open) = worker.open().await? else { return Ok(Batch::default()) };
    open.put().await?;
    other.forget(&open.as_applied()).await?;
    open.commit().await?;
    Ok(Batch::default())
}

/// A batch whose COMMIT fails is replayed again.
async fn survives_a_failed_commit(pair: &mut Pair, deletes_first: bool) -> bool {
    let key = keys(true).next().unwrap();
    pair.write(&put_entry(&key, "1")).await;
    let mut replay = pair.replay(1).await;
    let mut other = pair.replay(1).await;
    // What is only checked at the end of the transaction, as a crash is only seen there.
    let sql = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION USING MESSAGE = ''no''; END';
               CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON manta DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE PROCEDURE fail();
               ALTER TABLE manta ENABLE ALWAYS TRIGGER fail;";
    pair.at_target.batch_execute(sql).await.unwrap();
    let failed = batch(&mut replay.workers()[0], &mut other.workers()[0], deletes_first).await;
    assert!(matches!(failed, Err(GuardError::Commit(_))), "{failed:?}");
    pair.at_target.batch_execute("DROP TRIGGER fail ON manta").await.unwrap();
    drop((replay, other));
    pair.drain().await;
    pair.differing().await.is_empty()
}

#[tokio::test]
async fn r5_a_batch_that_was_not_committed_is_replayed_again() {
    assert!(survives_a_failed_commit(&mut Pair::start().await, false).await);
}

#[tokio::test]
async fn planted_r5_entries_that_are_deleted_before_the_commit_are_lost() {
    assert!(!survives_a_failed_commit(&mut Pair::start().await, true).await);
}

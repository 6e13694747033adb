//! The log's bound and its tables that are used in turn.

use super::super::replay::{Replay, ReplayOptions};
use super::super::{
    GuardError, LogBound, LogSize, SnapshotKind, check_log, oldest_snapshot, rotate_log,
};
use super::fixture::{hash, keys};
use super::pair::{NUMBER, Pair, eventually, put_entry};

#[tokio::test]
async fn r6_a_log_that_grows_beyond_its_bound_is_told() {
    let pair = Pair::start().await;
    for key in keys(true).take(3) {
        pair.write(&put_entry(&key, "1")).await;
    }
    // A counter is an entry as well.
    let size = LogSize::measure(&pair.at_source).await.unwrap();
    assert_eq!(size.entries, 6);
    assert!(size.bytes >= 8192, "{size:?}");
    let bound = LogBound { entries: 6, bytes: size.bytes };
    assert_eq!(check_log(&pair.at_source, bound).await.unwrap(), size);
    for bound in [LogBound { entries: 5, ..bound }, LogBound { bytes: size.bytes - 1, ..bound }] {
        let error = check_log(&pair.at_source, bound).await.unwrap_err();
        assert!(
            matches!(&error, GuardError::LogFull { size: found, .. } if *found == size),
            "{error}"
        );
        assert!(error.to_string().contains("has 6 entries"), "{error}");
    }
}

/// An old snapshot keeps deleted entries where they are, but not those of a table that is emptied.
#[tokio::test]
async fn r6_a_drained_table_is_emptied_though_an_old_snapshot_is_open() {
    let pair = Pair::start().await;
    let old = pair.source.connect().await;
    old.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM manta")
        .await
        .unwrap();
    let mut session = pair.source.session(pair.lease.plan, 1).await;
    for round in 0..7_i16 {
        for key in keys(true).take(3) {
            pair.write(&put_entry(&key, &round.to_string())).await;
        }
        let rotation = rotate_log(&mut session, 1).await.unwrap();
        assert_eq!(rotation.writes_to, (round + 1) % 3, "{rotation:?}");
        pair.drain().await;
        let rotation = rotate_log(&mut session, 1 << 30).await.unwrap();
        assert_eq!(rotation.emptied, [round % 3], "{rotation:?}");
        let sql = format!("SELECT pg_relation_size('reshard.log_{}') = 0", round % 3);
        assert!(pair.at_source.value::<bool>("measure", &sql, &[]).await.unwrap());
    }
    assert_eq!(pair.differing().await, [""; 0]);
    old.batch_execute("COMMIT").await.unwrap();
}

/// A writer reads which table is written to, and then is held up; the tables change; then it writes into the old one.
#[tokio::test]
async fn r6_a_writer_that_chose_the_old_table_is_not_lost() {
    let pair = Pair::start().await;
    let mut session = pair.source.session(pair.lease.plan, 1).await;
    let keys: Vec<String> = keys(true).take(2).collect();
    pair.write(&put_entry(&keys[0], "1")).await;
    let holder = pair.source.connect().await;
    holder.batch_execute("BEGIN; LOCK TABLE reshard.log_0 IN SHARE MODE").await.unwrap();
    let writer = pair.source.connect_as_moray().await;
    let sql = format!("BEGIN; {}", put_entry(&keys[1], "2"));
    let late = writer.batch_execute(&sql);
    let meanwhile = async {
        let waits = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'reshard.log_0'::regclass)";
        eventually(&pair.at_source, waits).await;
        assert_eq!(rotate_log(&mut session, 1).await.unwrap().writes_to, 1);
        holder.batch_execute("COMMIT").await.unwrap();
    };
    let (late, ()) = tokio::join!(late, meanwhile);
    late.unwrap();
    // What is committed is replayed; the table is as good as empty, but somebody writes into it.
    pair.replay(1).await.drain(std::time::Duration::from_secs(9)).await.unwrap();
    assert_eq!(rotate_log(&mut session, 1 << 30).await.unwrap().emptied, [0_i16; 0]);
    writer.batch_execute("COMMIT").await.unwrap();
    assert_eq!(rotate_log(&mut session, 1 << 30).await.unwrap().emptied, [0_i16; 0]);
    assert_eq!(pair.entries().await, 2);
    pair.drain().await;
    assert_eq!(pair.differing().await, [""; 0]);
    assert_eq!(rotate_log(&mut session, 1 << 30).await.unwrap().emptied, [0]);
}

#[tokio::test]
async fn r6_the_owner_of_the_oldest_snapshot_is_named() {
    let pair = Pair::start().await;
    let old = pair.source.connect().await;
    let sql =
        "SET application_name = 'nightly dump'; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 42";
    old.batch_execute(sql).await.unwrap();
    pair.write(&put_entry("/a/stor/b", "1")).await;
    let oldest = oldest_snapshot(&pair.at_source).await.unwrap().unwrap();
    assert_eq!((oldest.kind, oldest.name.as_str()), (SnapshotKind::Session, "nightly dump"));
    assert!(oldest.transactions >= 1 && oldest.query.ends_with("SELECT 42"), "{oldest:?}");
    assert!(
        oldest.to_string().starts_with("a transaction of \"nightly dump\" (process "),
        "{oldest}"
    );
    old.batch_execute("COMMIT").await.unwrap();
    let owner = oldest_snapshot(&pair.at_source).await.unwrap().map(|oldest| oldest.name);
    assert_ne!(owner.as_deref(), Some("nightly dump"));
    let sql = "SELECT pg_create_physical_replication_slot('kept', true)";
    pair.at_source.execute(sql, &[]).await.unwrap();
    drop(oldest_snapshot(&pair.at_source).await.unwrap());
}

#[tokio::test]
async fn r6_following_keeps_the_log_small() {
    let pair = Pair::start().await;
    let [source, target] = pair.endpoints();
    let options = ReplayOptions { rotate_at: 1, ..ReplayOptions::default() };
    let mut replay =
        Replay::connect(pair.lease, NUMBER, &hash(), &source, &target, options).await.unwrap();
    for key in keys(true).take(500) {
        pair.write(&put_entry(&key, "1")).await;
    }
    let emptied =
        "SELECT partition <> 0 AND pg_relation_size('reshard.log_0') = 0 FROM reshard.guard";
    let progress = replay.follow(eventually(&pair.at_source, emptied), &|_| ()).await.unwrap();
    assert_eq!((progress.entries, progress.lag.entries), (1_000, 0));
    assert_eq!(pair.differing().await, [""; 0]);
}

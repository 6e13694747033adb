//! Replaying: what is put, what is left alone, and what is left by crashes.

use std::time::Duration;

use super::super::{CommitError, GuardError, MoveState, Replay, ReplayOptions};
use super::fixture::{hash, keys, put};
use super::pair::{NUMBER, Pair, eventually, put_entry, quoted};

const LIMIT: Duration = Duration::from_secs(30);

/// Rows of `manta_uploads` with a value in each column, whatever its type, and with none.
fn strange_rows() -> Vec<String> {
    let long = "x".repeat(2_500);
    let odd = [
        "plain",
        "it's",
        "a\"b",
        "back\\slash",
        "a\nb\tc",
        "",
        "é 日本 😀",
        "{a,b}",
        "\\N",
        "$1 %s",
        " ",
        &long,
    ];
    let value = |text: &str| quoted(text);
    let mut rows: Vec<String> = odd
        .iter()
        .zip(0..)
        .map(|(text, number)| {
            let vnode = if number % 3 == 0 { "NULL".to_owned() } else { (2 * number + 1).to_string() };
            format!(
                "INSERT INTO manta_uploads VALUES ({number}, {number}, {text}, {text}, 'A', NULL, {vnode}, {text}, {number}.50::numeric, \
                 true, '2020-02-29 12:34:56.789012+05:30', '10.1.2.3/8', '2001:db8::/32', '08:00:2b:01:02:03', \
                 'a3829ca2-0966-60ce-9dc3-e4e9060f0950', '[1.5,)', '(,2020-01-01 00:00:00+00]', ARRAY[{text}, NULL, ''], \
                 '{{1,NaN,1e40}}', '{{t,NULL}}', '{{infinity,2020-01-01}}', '{{::1,10.0.0.0/8}}', '{{10.0.0.0/8}}', \
                 '{{08:00:2b:01:02:03}}', '{{a3829ca2-0966-60ce-9dc3-e4e9060f0950}}', {text}, 7, 9)",
                text = value(text)
            )
        })
        .collect();
    rows.push("INSERT INTO manta_uploads (_key, _value, _etag, _mtime, _vnode, _id) VALUES ('bare', '', '', NULL, 1, NULL)".to_owned());
    rows.push("INSERT INTO manta_uploads (_key, _value, _etag, _vnode) SELECT 'large', repeat(md5('1'), 32768), 'A', 1".to_owned());
    rows
}

#[tokio::test]
async fn r7_rows_of_any_content_follow() {
    let pair = Pair::start().await;
    for row in strange_rows() {
        pair.write(&row).await;
    }
    pair.drain().await;
    assert_eq!(pair.differing().await, [""; 0]);
    let sql = "SELECT count(*) FROM manta_uploads WHERE length(_value) = 1048576 OR (_key = 'bare' AND _mtime IS NULL AND _id IS NULL)";
    assert_eq!(pair.at_target.value::<i64>("count", sql, &[]).await.unwrap(), 2);
    pair.write("UPDATE manta_uploads SET _value = _value || 'x', numbers = NULL").await;
    pair.write("DELETE FROM manta_uploads WHERE _key = 'bare'").await;
    pair.drain().await;
    assert_eq!(pair.differing().await, [""; 0]);
}

/// The rows that replaying puts have columns of their own at the target, in another order.
#[tokio::test]
async fn r7_columns_are_found_by_their_names() {
    let pair = Pair::start().await;
    let sql = "ALTER TABLE manta DROP dirname, DROP name; ALTER TABLE manta ADD name text, ADD dirname text";
    pair.at_target.batch_execute(sql).await.unwrap();
    let key = keys(true).next().unwrap();
    pair.write(&put_entry(&key, "1")).await;
    pair.drain().await;
    let sql = "SELECT dirname || coalesce(name, '.') FROM manta";
    assert_eq!(
        pair.at_target.value::<String>("look", sql, &[]).await.unwrap(),
        key.replace("/file", ".")
    );
    pair.at_target.batch_execute("ALTER TABLE manta ALTER name TYPE varchar(9)").await.unwrap();
    let [source, target] = pair.endpoints();
    let options = ReplayOptions::default();
    let refused = Replay::connect(pair.lease, NUMBER, &hash(), &source, &target, options).await;
    let error = refused.err().unwrap();
    assert!(matches!(&error, GuardError::Columns(columns) if columns.bucket == "manta"), "{error}");
    assert!(error.to_string().contains("name character varying(9)"), "{error}");
}

/// Counters are rows like others: the trigger that keeps them does nothing at the target.
#[tokio::test]
async fn r7_counters_are_not_counted_twice() {
    let pair = Pair::start().await;
    let directory = "/owner/stor/0";
    for name in ["a", "b", "c"] {
        pair.write(&put_entry(&format!("{directory}/{name}"), "1")).await;
    }
    pair.drain().await;
    pair.write(&format!("DELETE FROM manta WHERE _key = '{directory}/b'")).await;
    pair.drain().await;
    assert_eq!(pair.differing().await, [""; 0]);
    let sql = "SELECT entries::integer FROM manta_directory_counts WHERE _key = '/owner/stor/0'";
    let count = pair.at_source.value::<i32>("count", sql, &[]).await.unwrap();
    assert_eq!(count, 2);
}

/// Rows that are not the move's are left alone, on either side and whatever the log says.
#[tokio::test]
async fn r17_rows_without_a_vnode_are_the_moves_by_their_keys() {
    let pair = Pair::start().await;
    let (moves, stays) = (keys(true).next().unwrap(), keys(false).next().unwrap());
    for key in [&moves, &stays] {
        let row = |value: &str| {
            format!(
                "INSERT INTO manta (_key, _value, _etag) VALUES ('{key}', {}, 'A')",
                quoted(value)
            )
        };
        pair.write(&row("the source's")).await;
        let sql = format!(
            "SET session_replication_role = replica; {}; RESET session_replication_role",
            row("the target's")
        );
        pair.at_target.batch_execute(&sql).await.unwrap();
        // As where nobody can tell, which a ring of another algorithm makes.
        let sql = "INSERT INTO reshard.log_1 (move, bucket, key) VALUES (1, 'manta', $1)";
        pair.at_source.execute(sql, &[key]).await.unwrap();
    }
    pair.drain().await;
    assert_eq!(pair.entries().await, 0);
    let sql = "SELECT _value FROM manta WHERE _key = $1";
    let value =
        async |key: &String| pair.at_target.value::<String>("look", sql, &[key]).await.unwrap();
    assert_eq!(value(&moves).await, "the source's");
    assert_eq!(value(&stays).await, "the target's");
    pair.write(&format!("DELETE FROM manta WHERE _key IN ('{moves}', '{stays}')")).await;
    pair.drain().await;
    assert_eq!(value(&stays).await, "the target's");
    assert_eq!(pair.differing().await, [""; 0]);
}

/// Some rows have another vnode than their keys say. One that loses it, as batches do that to rows, is by its key from then on.
#[tokio::test]
async fn r17_a_row_that_loses_its_vnode_is_the_moves_by_its_key() {
    let pair = Pair::start().await;
    let (moves, stays) = (keys(true).next().unwrap(), keys(false).next().unwrap());
    for (key, vnode) in [(&moves, 2), (&stays, 3)] {
        pair.write(&put(key, "1")).await;
        pair.write(&format!("UPDATE manta SET _vnode = {vnode} WHERE _key = '{key}'")).await;
    }
    for expected in [&stays, &moves] {
        pair.drain().await;
        let there: String =
            pair.at_target.value("look", "SELECT _key FROM manta", &[]).await.unwrap();
        assert_eq!(there, **expected);
        pair.write("UPDATE manta SET _vnode = NULL").await;
    }
}

/// A row goes to a vnode that stays, and comes back.
#[tokio::test]
async fn r17_a_row_that_leaves_the_vnodes_of_the_move_leaves_the_target() {
    let pair = Pair::start().await;
    let key = keys(true).next().unwrap();
    pair.write(&put_entry(&key, "1")).await;
    pair.drain().await;
    for vnode in [2, 3, 4, 64, 5] {
        pair.write(&format!("UPDATE manta SET _vnode = {vnode}")).await;
        pair.drain().await;
        let sql = "SELECT count(*) FROM manta";
        let there = pair.at_target.value::<i64>("count", sql, &[]).await.unwrap();
        assert_eq!(there, vnode % 2, "{vnode}");
    }
}

/// A row that has the key of a row of the move and is none itself is not deleted for it.
#[tokio::test]
async fn r2_a_row_of_a_vnode_that_stays_is_not_replaced() {
    let pair = Pair::start().await;
    let key = keys(true).next().unwrap();
    let row = format!(
        "SET session_replication_role = replica; INSERT INTO manta (_key, _value, _etag, _vnode) VALUES ('{key}', 'x', 'A', 2); \
         RESET session_replication_role"
    );
    pair.at_target.batch_execute(&row).await.unwrap();
    pair.write(&put_entry(&key, "1")).await;
    let mut replay = pair.replay(1).await;
    let error = replay.workers()[0].batch().await.unwrap_err();
    assert!(
        matches!(&error, GuardError::Occupied { bucket, .. } if bucket == "manta"),
        "{error:?}"
    );
    assert_eq!(pair.entries().await, 2);
}

#[tokio::test]
async fn r5_a_crash_between_the_commit_and_the_deletion_changes_nothing() {
    let pair = Pair::start().await;
    let key = keys(true).next().unwrap();
    pair.write(&put_entry(&key, "1")).await;
    for after_commit in [false, true] {
        let mut replay = pair.replay(1).await;
        let mut open = replay.workers()[0].open().await.unwrap().unwrap();
        open.put().await.unwrap();
        if after_commit {
            open.commit().await.unwrap();
        } else {
            drop(open);
        }
        // The worker goes with its connections.
        drop(replay);
        assert_eq!(pair.entries().await, 2);
        let there = pair.at_target.value::<i64>("count", "SELECT count(*) FROM manta", &[]).await;
        assert_eq!(there.unwrap(), i64::from(after_commit));
    }
    pair.drain().await;
    assert_eq!((pair.entries().await, pair.differing().await), (0, Vec::new()));
}

/// A COMMIT that its standby may not have is not done, and its entries stay.
#[tokio::test]
async fn r12_a_commit_without_its_standby_leaves_the_entries() {
    let mut pair = Pair::start_with([1, 2]).await;
    let key = keys(true).next().unwrap();
    pair.write(&put_entry(&key, "1")).await;
    let mut replay = pair.replay(1).await;
    let worker = &mut replay.workers()[0];
    let mut open = worker.open().await.unwrap().unwrap();
    open.put().await.unwrap();
    pair.target.chain.stop(1);
    let somebody_cancels = async {
        let waits = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep')";
        eventually(&pair.at_target, waits).await;
        let sql = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        pair.at_target.value::<i64>("cancel", sql, &[]).await.unwrap();
    };
    let (committed, ()) = tokio::join!(open.commit(), somebody_cancels);
    assert!(matches!(committed, Err(CommitError::NotReplicated { .. })), "{committed:?}");
    assert_eq!(pair.entries().await, 2);
    pair.target.chain.resume(1);
    pair.drain().await;
    assert_eq!((pair.entries().await, pair.differing().await), (0, Vec::new()));
}

#[tokio::test]
async fn r8_who_has_lost_the_lease_replays_nothing() {
    let pair = Pair::start().await;
    pair.write(&put_entry(&keys(true).next().unwrap(), "1")).await;
    let mut zombie = pair.replay(1).await;
    drop(pair.target.session(pair.lease.plan, 2).await);
    let error = zombie.drain(LIMIT).await.unwrap_err();
    assert!(matches!(error, GuardError::LeaseLost { .. }), "{error}");
    assert_eq!(pair.entries().await, 2);
    // The source's is another one.
    let pair = Pair::start().await;
    pair.write(&put_entry(&keys(true).next().unwrap(), "1")).await;
    let mut zombie = pair.replay(1).await;
    drop(pair.source.session(pair.lease.plan, 2).await);
    let error = zombie.drain(LIMIT).await.unwrap_err();
    assert!(matches!(error, GuardError::LeaseLost { .. }), "{error}");
    assert_eq!(pair.entries().await, 2);
}

/// A target that is open has newer rows than the log.
#[tokio::test]
async fn r7_nothing_is_replayed_into_a_target_that_is_open() {
    let pair = Pair::start().await;
    pair.write(&put(&keys(true).next().unwrap(), "1")).await;
    let mut replay = pair.replay(1).await;
    for state in ["open", "aborted"] {
        pair.at_target.execute("UPDATE reshard.move SET state = $1", &[&state]).await.unwrap();
        let error = replay.drain(LIMIT).await.unwrap_err();
        let expected: MoveState = state.parse().unwrap();
        assert!(
            matches!(&error, GuardError::State { found: Some(found), .. } if *found == expected),
            "{error}"
        );
    }
    pair.at_target.execute("DELETE FROM reshard.move", &[]).await.unwrap();
    let error = replay.drain(LIMIT).await.unwrap_err();
    assert!(matches!(&error, GuardError::State { found: None, .. }), "{error}");
    assert_eq!(pair.entries().await, 1);
}

#[tokio::test]
async fn r18_entries_of_a_bucket_that_was_not_guarded_are_not_left_out() {
    let pair = Pair::start().await;
    let mut replay = pair.replay(1).await;
    let sql = "INSERT INTO reshard.log_0 (move, bucket, key) VALUES (1, 'another', 'a')";
    pair.at_source.execute(sql, &[]).await.unwrap();
    let error = replay.drain(LIMIT).await.unwrap_err();
    assert!(
        matches!(&error, GuardError::UnknownBucket { bucket, .. } if bucket == "another"),
        "{error}"
    );
    assert_eq!(pair.entries().await, 1);
}

/// The two have to mean the same rows.
#[tokio::test]
async fn r3_source_and_target_have_the_same_vnodes() {
    let pair = Pair::start().await;
    let [source, target] = pair.endpoints();
    let connect = async |hash| {
        let options = ReplayOptions::default();
        let connected = Replay::connect(pair.lease, NUMBER, hash, &source, &target, options).await;
        connected.err().unwrap()
    };
    let other = crate::keys::KeyHash::new(fash::Interval::new(fash::Algorithm::Sha256, 32), 32);
    assert!(matches!(connect(&other).await, GuardError::OtherHash { .. }));
    pair.at_target.execute("DELETE FROM reshard.moving WHERE vnode = 1", &[]).await.unwrap();
    assert!(matches!(connect(&hash()).await, GuardError::OtherVnodes { .. }));
}

/// A value that has to be unique and goes from one key to another, each of another worker.
#[tokio::test]
async fn r7_a_unique_value_that_changes_its_row_follows() {
    let pair = Pair::start().await;
    for database in [&pair.at_source, &pair.at_target] {
        database.batch_execute("ALTER TABLE manta ADD UNIQUE (objectid)").await.unwrap();
    }
    let keys: Vec<String> = keys(true).take(8).collect();
    for key in &keys {
        pair.write(
            &(put_entry(key, "1")
                + &format!("; UPDATE manta SET objectid = _key WHERE _key = '{key}'")),
        )
        .await;
    }
    pair.drain().await;
    for (one, next) in keys.iter().zip(keys.iter().skip(1)) {
        pair.write(&format!(
            "DELETE FROM manta WHERE _key = '{one}'; UPDATE manta SET objectid = '{one}' WHERE _key = '{next}'"
        ))
        .await;
    }
    let mut replay = pair.replay(4).await;
    assert!(replay.drain(LIMIT).await.unwrap().is_empty);
    assert_eq!(pair.differing().await, [""; 0]);
}

/// All that is touched is told, so that it can be compared once more.
#[tokio::test]
async fn r7_draining_tells_which_keys_it_touched() {
    let pair = Pair::start().await;
    let touched: Vec<String> = keys(true).take(20).collect();
    for key in touched.iter().chain(&touched) {
        pair.write(&put_entry(key, "1")).await;
    }
    pair.write(&put_entry(&keys(false).next().unwrap(), "1")).await;
    let drained = pair.replay(3).await.drain(LIMIT).await.unwrap();
    assert_eq!((drained.is_empty, drained.entries), (true, 60));
    let mut expected = touched.clone();
    expected.sort();
    assert!(drained.touched["manta"].iter().eq(&expected));
    assert_eq!(drained.touched["manta_directory_counts"].len(), 20);
    let none = pair.replay(1).await.drain(Duration::ZERO).await.unwrap();
    assert!(none.is_empty && none.touched.is_empty());
}

//! Comparing source and target.

use std::time::{Duration, Instant};

use super::super::buckets::buckets;
use super::super::key_range::KeyRange;
use super::super::members::Members;
use super::super::replay::Touched;
use super::super::verify::{PINNED, Side};
use super::super::{Age, Difference, GuardError, Verify, VerifyOptions, VerifyPlaces};
use super::fixture::{hash, keys};
use super::pair::{NUMBER, Pair, READER, READS_SLOWLY, eventually, put_entry, slow_reads};
use super::writers::some_keys;
use crate::deployment::Database;

/// Fills both sides with the same rows.
async fn same(count: usize) -> Pair {
    let pair = Pair::start().await;
    fill(&pair, count).await;
    pair
}

async fn fill(pair: &Pair, count: usize) {
    for key in some_keys(count) {
        pair.write(&put_entry(&key, "value")).await;
    }
    let sql = "INSERT INTO manta_uploads (_key, _value, _etag, _vnode, _mtime, a_date, a_daterange, a_number, dates, strings) \
               SELECT 'upload ' || i, repeat('é', i), 'A', nullif(i % 64, 7), nullif(i, 9), '2020-01-02 03:04:05.6+07', \
               '[2020-01-02,2021-01-02)', i / 7.0, '{2020-01-02 03:04:05.6+07}', ARRAY['a', NULL, E'\\\\'] \
               FROM generate_series(1, 200) i";
    pair.write(sql).await;
    pair.drain().await;
}

/// Changes something at one side, behind the back of the guard.
async fn change(database: &Database, sql: &str) {
    let sql =
        format!("SET session_replication_role = replica; {sql}; RESET session_replication_role");
    database.batch_execute(&sql).await.unwrap();
}

async fn found(verify: &Verify) -> Vec<Difference> {
    let verified = verify.run(&|_| ()).await.unwrap();
    assert!(verified.is_complete && verified.unsettled.is_empty(), "{verified:?}");
    assert_eq!(verified.is_sound(), verified.differences.is_empty());
    verified.differences
}

#[tokio::test]
async fn r22_equal_sides_are_equal() {
    let pair = same(300).await;
    for page in [1, 7, 100, 20_000] {
        let options = VerifyOptions { page, ..VerifyOptions::default() };
        let verified = pair.verify(options).await.run(&|_| ()).await.unwrap();
        assert!(verified.is_sound() && verified.pending == 0, "{verified:?}");
        let sql = "SELECT (SELECT count(*) FROM manta) + (SELECT count(*) FROM manta_directory_counts) \
                   + (SELECT count(*) FROM manta_uploads)";
        let all: i64 = pair.at_target.value("count", sql, &[]).await.unwrap();
        assert_eq!(verified.rows, u64::try_from(all).unwrap());
        let is_all_whole = verified.whole == verified.rows;
        assert_eq!(is_all_whole, page == 20_000, "{verified:?}");
    }
}

/// Every kind of difference is found, whatever the size of the pages, and told with both sides.
#[tokio::test]
async fn r22_differences_are_found_and_told() {
    let pair = same(300).await;
    let all: Vec<String> = keys(true).take(10).collect();
    let here = &pair.at_target;
    change(here, &format!("DELETE FROM manta WHERE _key = '{}'", all[0])).await;
    change(&pair.at_source, &format!("DELETE FROM manta WHERE _key = '{}'", all[1])).await;
    change(here, &format!("UPDATE manta SET _etag = 'X' WHERE _key = '{}'", all[2])).await;
    change(here, &format!("UPDATE manta SET _mtime = _mtime - 1 WHERE _key = '{}'", all[3])).await;
    change(here, &format!("UPDATE manta SET _mtime = NULL WHERE _key = '{}'", all[4])).await;
    change(here, &format!("UPDATE manta SET _vnode = NULL WHERE _key = '{}'", all[5])).await;
    change(here, &format!("UPDATE manta SET _value = 'longer' WHERE _key = '{}'", all[6])).await;
    // A row of the source that belongs to nobody here, and one that the target has of its own.
    change(
        &pair.at_source,
        "INSERT INTO manta (_key, _value, _etag, _vnode) VALUES ('x', '', '', 2)",
    )
    .await;
    change(here, "INSERT INTO manta (_key, _value, _etag, _vnode) VALUES ('y', '', '', 64)").await;
    for (page, ranges) in [(3, 1), (20_000, 1), (10, 3)] {
        let options = VerifyOptions { page, ranges, whole_every: 0, ..VerifyOptions::default() };
        let differences = found(&pair.verify(options).await).await;
        let of = |key: &String| differences.iter().find(|it| it.key == *key).unwrap();
        assert_eq!(differences.len(), 7, "{differences:#?}");
        assert!(of(&all[0]).target.is_none() && of(&all[0]).source.is_some());
        assert!(of(&all[1]).source.is_none() && of(&all[1]).target.is_some());
        let columns = |key| of(key).columns.join(" ");
        assert_eq!(columns(&all[2]), "_etag");
        assert_eq!((columns(&all[3]).as_str(), of(&all[3]).age()), ("_mtime", Age::Older));
        assert_eq!((columns(&all[4]).as_str(), of(&all[4]).age()), ("_mtime", Age::Unknown));
        assert_eq!(columns(&all[5]), "_vnode");
        assert_eq!(columns(&all[6]), "_value");
        let text = of(&all[6]).to_string();
        assert!(
            text.contains("differs in _value: the source has etag") && text.ends_with("6 bytes"),
            "{text}"
        );
    }
}

/// A value of the same length under the same etag, or an index's column: only whole rows tell.
#[tokio::test]
async fn r22_whole_rows_are_compared_in_a_sample_and_where_asked() {
    let pair = same(300).await;
    let last = some_keys(300)
        .into_iter()
        .filter(|key| keys(true).take(300).any(|it| it == *key))
        .max()
        .unwrap();
    change(&pair.at_target, &format!("UPDATE manta SET _value = 'VALUE' WHERE _key = '{last}'"))
        .await;
    change(&pair.at_target, &format!("UPDATE manta SET dirname = NULL WHERE _key = '{last}'"))
        .await;
    let options = |whole_every| VerifyOptions { page: 20, whole_every, ..VerifyOptions::default() };
    assert_eq!(found(&pair.verify(options(0)).await).await, []);
    let differences = found(&pair.verify(options(1)).await).await;
    assert_eq!(
        (differences.len(), differences[0].columns.join(" ").as_str()),
        (1, "_value dirname")
    );
    let touched: Touched =
        [("manta".to_owned(), [last.clone(), "/nobody".to_owned()].into())].into();
    let verified = pair.verify(options(0)).await.keys(&touched).await.unwrap();
    assert_eq!((verified.differences, verified.whole), (differences, 2));
    let unknown: Touched = [("another".to_owned(), [last].into())].into();
    let error = pair.verify(options(0)).await.keys(&unknown).await.unwrap_err();
    assert!(matches!(error, GuardError::UnknownBucket { .. }), "{error}");
}

/// A row that waits in the log differs for a reason.
#[tokio::test]
async fn r22_a_row_that_waits_in_the_log_is_no_difference() {
    let pair = same(30).await;
    let all: Vec<String> = keys(true).take(3).collect();
    pair.write(&put_entry(&all[0], "new")).await;
    pair.write(&format!("DELETE FROM manta WHERE _key = '{}'", all[1])).await;
    pair.write(&put_entry("/owner/stor/new/file", "new")).await;
    change(&pair.at_target, &format!("UPDATE manta SET _etag = 'X' WHERE _key = '{}'", all[2]))
        .await;
    let options = VerifyOptions { settle: Duration::from_millis(300), ..VerifyOptions::default() };
    let verify = pair.verify(options).await;
    let verified = verify.run(&|_| ()).await.unwrap();
    assert_eq!(verified.differences.len(), 1, "{verified:?}");
    assert!(verified.pending >= 3, "{verified:?}");
    pair.drain().await;
    let verified = verify.run(&|_| ()).await.unwrap();
    assert_eq!((verified.differences.len(), verified.pending), (1, 0), "{verified:?}");
}

/// A target without rows does not fill the memory with differences.
#[tokio::test]
async fn r22_many_differences_end_it() {
    let pair = same(300).await;
    change(&pair.at_target, "TRUNCATE manta").await;
    let options = VerifyOptions { most: 10, page: 50, ..VerifyOptions::default() };
    let verified = pair.verify(options).await.run(&|_| ()).await.unwrap();
    assert!(!verified.is_complete && !verified.is_sound());
    assert_eq!(verified.differences.len(), 10);
}

/// Settings that somebody made at one server, for everybody or for the superuser.
const HOSTILE: &str = "
    ALTER DATABASE moray SET DateStyle = 'SQL, DMY'; ALTER DATABASE moray SET TimeZone = 'Asia/Kolkata';
    ALTER DATABASE moray SET extra_float_digits = -15; ALTER DATABASE moray SET bytea_output = 'escape';
    ALTER ROLE postgres SET IntervalStyle = 'sql_standard'; ALTER ROLE postgres SET search_path = hostile, pg_catalog, public;
    CREATE SCHEMA hostile; CREATE FUNCTION hostile.md5(text) RETURNS text LANGUAGE sql AS 'SELECT random()::text';";

#[tokio::test]
async fn r23_settings_of_a_server_make_no_difference() {
    let pair = same(50).await;
    pair.at_target.batch_execute(HOSTILE).await.unwrap();
    let options = VerifyOptions { whole_every: 1, ..VerifyOptions::default() };
    assert_eq!(found(&pair.verify(options).await).await, []);
    // So they would, if they were not pinned.
    let unpinned = pair.target.connect().await;
    let sql = "SELECT string_agg(ROW(a_date, dates)::text, ',') FROM public.manta_uploads";
    let one: String = unpinned.value("look", sql, &[]).await.unwrap();
    let other: String = Side::pin(pair.target.connect().await)
        .await
        .unwrap()
        .database
        .value("look", sql, &[])
        .await
        .unwrap();
    assert_ne!(one, other);
    for setting in ["DateStyle", "TimeZone", "extra_float_digits", "bytea_output", "search_path"] {
        assert!(PINNED.contains(&format!("SET {setting} = ")), "{setting}");
    }
}

/// A page's checksum is the same on every version of PostgreSQL: this is what it is.
#[tokio::test]
async fn r23_the_checksum_of_rows_is_known() {
    let pair = Pair::start().await;
    let sql = "INSERT INTO manta_uploads (_id, _key, _value, _etag, _mtime, _vnode, a_string, a_number, a_boolean, a_date, an_ip, \
               a_subnet, a_mac, a_uuid, a_numrange, a_daterange, strings, numbers) VALUES \
               (1, E'/a \"b\" \\\\ ,\\n', 'é', 'A', 5, 1, '', 1.50, true, '2020-02-29 12:34:56.789012+05:30', '10.1.2.3/8', \
               '2001:db8::/32', '08:00:2b:01:02:03', 'a3829ca2-0966-60ce-9dc3-e4e9060f0950', '[1.5,)', \
               '(,2020-01-01 00:00:00+00]', ARRAY['a,b', NULL, ''], '{1,NaN,1e40}'), \
               (2, '/b', '', '', NULL, 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)";
    pair.write(sql).await;
    let side = Side::pin(pair.source.connect().await).await.unwrap();
    let members = Members::read(&pair.at_source, NUMBER, &hash()).await.unwrap();
    let buckets = buckets(&pair.at_source, &pair.at_target).await.unwrap();
    let range = KeyRange::default();
    let digest = async |is_whole| {
        let digest =
            side.digest(&members, &buckets["manta_uploads"], &range, is_whole).await.unwrap();
        assert_eq!((digest.rows, digest.foundlings.len()), (2, 0));
        digest.md5
    };
    let known = ["3c07a9576ed627c050708f6218b22451", "7fa3a77705c70ddcf2d0e7d0d5cf898c"];
    assert_eq!([digest(false).await, digest(true).await], known);
}

/// Rows that a standby has not replayed yet are looked at again at its primary.
#[tokio::test]
async fn r22_rows_are_read_from_standbys() {
    let pair = Pair::start_with([2, 2]).await;
    fill(&pair, 50).await;
    let [source, target] = pair.endpoints();
    let standby = |shard: &super::fixture::Shard| shard.chain.urls()[1].parse().unwrap();
    let places = VerifyPlaces {
        source,
        target,
        read_source: standby(&pair.source),
        read_target: standby(&pair.target),
    };
    let verify = Verify::connect(NUMBER, &hash(), &places, VerifyOptions::default()).await.unwrap();
    let at_standby = pair.target.connect_to(1).await;
    assert_eq!(found(&verify).await, []);
    at_standby.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();
    for key in keys(true).take(5) {
        pair.write(&put_entry(&key, "new")).await;
    }
    pair.drain().await;
    assert_eq!(found(&verify).await, []);
    at_standby.batch_execute("SELECT pg_wal_replay_resume()").await.unwrap();
    let key = keys(true).next().unwrap();
    change(&pair.at_target, &format!("DELETE FROM manta WHERE _key = '{key}'")).await;
    eventually(
        &at_standby,
        &format!("SELECT NOT EXISTS (SELECT 1 FROM manta WHERE _key = '{key}')"),
    )
    .await;
    assert_eq!(found(&verify).await.len(), 1);
}

/// Whoever wants the table for itself gets it: a comparison that takes long is given up, and made again.
#[tokio::test]
async fn r11_a_page_is_given_up_for_who_waits_for_the_table() {
    let pair = same(50).await;
    let holder = slow_reads(&pair.target).await;
    let [source, target] = pair.endpoints();
    let mut places = VerifyPlaces::primaries(&source, &target);
    places.read_target.user = READER.to_owned();
    let verify = Verify::connect(NUMBER, &hash(), &places, VerifyOptions::default()).await.unwrap();
    let muskie = async {
        eventually(&pair.at_target, READS_SLOWLY).await;
        let begun = Instant::now();
        pair.at_target
            .batch_execute("SET lock_timeout = '3s'; BEGIN; LOCK TABLE manta; COMMIT")
            .await
            .unwrap();
        holder.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
        begun.elapsed()
    };
    let (verified, took) = tokio::join!(verify.run(&|_| ()), muskie);
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(verified.unwrap().is_sound());
}

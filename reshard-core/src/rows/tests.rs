//! Databases as operators and tools leave them, on real servers.

use std::collections::BTreeMap;
use std::time::Duration;

use fash::{Algorithm, Interval, Vnode};
use test_servers::Chain;

use super::*;
use crate::clock::SystemClock;
use crate::deployment::Database;
use crate::keys::KeyHash;
use crate::measure::{MeasureOptions, Measurement, measure};

const VNODES: u32 = 64;

fn hash() -> KeyHash {
    KeyHash::new(Interval::new(Algorithm::Sha256, VNODES), VNODES)
}

fn shard(number: u32) -> manatee_client::ShardName {
    format!("{number}.moray.lab.example.net").parse().unwrap()
}

/// The split of shard 2 in which shard 3 gets the odd vnodes.
fn split() -> Split {
    let odd = (0..VNODES).filter(|vnode| vnode % 2 == 1).map(Vnode::new).collect();
    Split::new(hash(), shard(2), [(&shard(3), &odd)])
}

/// Keys of `manta` that shard 3 gets.
fn moved_keys() -> impl Iterator<Item = String> {
    let is_moved = |key: &String| split().keeper("manta", key) == 1;
    (0..).map(|number| format!("/owner/stor/{number}/file")).filter(is_moved)
}

async fn connect(chain: &Chain, index: usize) -> Database {
    let endpoint = chain.urls()[index].parse().unwrap();
    Database::connect(&endpoint, Duration::from_secs(30)).await.unwrap()
}

/// The SQL that makes a bucket like Moray's, as far as rows are told apart by it.
fn bucket(name: &str) -> String {
    format!(
        "CREATE TABLE {name} (_id bigserial, _key text PRIMARY KEY, _value text, _etag char(8), _mtime bigint, _vnode bigint);
         INSERT INTO buckets_config VALUES ('{name}');"
    )
}

/// A database with Moray's role and Manta's buckets.
async fn database(chain: &Chain) -> Database {
    chain.sql(0, "CREATE ROLE moray LOGIN");
    chain.sql(0, "CREATE DATABASE moray OWNER moray");
    let database = connect(chain, 0).await;
    let buckets = ["manta", "manta_directory_counts", "manta_uploads", "manta_delete_log"];
    let buckets: Vec<String> = buckets.into_iter().map(bucket).collect();
    let sql = format!("CREATE TABLE buckets_config (name text PRIMARY KEY); {}", buckets.concat());
    database.batch_execute(&sql).await.unwrap();
    database
}

/// Rows of `manta`, with the vnodes of their keys.
async fn insert(database: &Database, keys: &[String]) {
    for key in keys {
        let vnode = i64::from(hash().vnode_of_key("manta", key).unwrap().number());
        let sql = "INSERT INTO manta (_key, _value, _etag, _mtime, _vnode) VALUES ($1, '{}', 'AAAAAAAA', 100, $2)";
        database.execute(sql, &[key, &vnode]).await.unwrap();
    }
}

async fn measured(database: &Database) -> Measurement {
    let options = MeasureOptions::default();
    measure(database, &shard(2), &hash(), &options, &SystemClock, &|_| ()).await.unwrap()
}

async fn counted(database: &Database) -> ShardCount {
    count_shard(database, &shard(2), &split(), &|_| ()).await.unwrap()
}

fn names(tables: &[Table]) -> Vec<String> {
    tables.iter().map(Table::to_string).collect()
}

/// Things that were found in the field: an operator's copies, what `pg_repack` leaves, and more of that kind.
#[tokio::test]
async fn only_morays_buckets_are_counted() {
    let chain = Chain::start(1);
    let database = database(&chain).await;
    let keys: Vec<String> = moved_keys().take(20).collect();
    insert(&database, &keys).await;
    let lookalikes = "
        CREATE TABLE manta_before_upgrade AS SELECT * FROM manta;
        CREATE SCHEMA repack; CREATE TABLE repack.table_16397 AS SELECT * FROM manta;
        CREATE SCHEMA backup; CREATE TABLE backup.manta AS SELECT * FROM manta;
        CREATE UNLOGGED TABLE scratch AS SELECT * FROM manta;
        CREATE VIEW shown AS SELECT * FROM manta;
        CREATE MATERIALIZED VIEW kept AS SELECT * FROM manta;
        CREATE TABLE numbered (_key int, _vnode bigint, _etag text, _mtime bigint);
        INSERT INTO numbered VALUES (1, 1, '', 1), (NULL, NULL, NULL, NULL);
        CREATE TABLE parts (LIKE manta) PARTITION BY LIST (_vnode);
        CREATE TABLE part PARTITION OF parts DEFAULT; INSERT INTO parts SELECT * FROM manta;
        CREATE SCHEMA postgres; CREATE TABLE postgres.buckets_config (name text);
        CREATE TABLE postgres.manta AS SELECT * FROM manta;
        CREATE TEMPORARY TABLE manta_uploads AS SELECT * FROM manta;";
    database.batch_execute(lookalikes).await.unwrap();
    let tables = list_tables(&database).await.unwrap();
    let sharded = ["public.manta_directory_counts", "public.manta", "public.manta_uploads"];
    assert_eq!(names(&tables.sharded), sharded);
    let unsharded: Vec<String> =
        tables.unsharded.iter().map(|unsharded| unsharded.table.to_string()).collect();
    assert_eq!(unsharded, ["public.manta_delete_log"]);
    let left_alone = |name: &str| {
        let found =
            tables.left_alone.iter().find(|it| format!("{}.{}", it.schema, it.name) == name);
        found.map(|it| (it.is_bucket, it.why.clone()))
    };
    for name in [
        "public.manta_before_upgrade",
        "repack.table_16397",
        "public.scratch",
        "public.shown",
        "public.kept",
        "public.numbered",
        "public.parts",
        "public.part",
    ] {
        assert_eq!(left_alone(name), Some((false, Flaw::NoBucket)), "{name}");
    }
    for name in ["backup.manta", "postgres.manta"] {
        assert_eq!(left_alone(name), Some((false, Flaw::OtherSchema)), "{name}");
    }
    assert_eq!(tables.left_alone.len(), 11, "{:?}", tables.left_alone);
    let measured = measured(&database).await;
    let rows: u64 = measured.tables.iter().flat_map(|it| &it.vnodes).map(|it| it.rows).sum();
    assert_eq!((measured.tables.len(), rows), (3, 20));
    let count = counted(&database).await;
    assert_eq!((count.ghosts(), count.tables.len(), count.left_alone.len()), (20, 3, 11));
    let (hash, all) = (hash(), (0..VNODES).map(Vnode::new).collect());
    let sampled = crate::audit::sample_keys(&database, &hash, &all, 8).await.unwrap();
    assert!(sampled.iter().all(|key| keys.contains(key)));

    // Where Moray's sessions look elsewhere, its buckets are there.
    let moved = "ALTER ROLE moray IN DATABASE moray SET search_path = elsewhere, public;
        CREATE SCHEMA elsewhere AUTHORIZATION moray;
        CREATE TABLE elsewhere.buckets_config (name text); GRANT ALL ON elsewhere.buckets_config TO moray;
        CREATE TABLE elsewhere.manta AS SELECT * FROM public.manta;
        INSERT INTO elsewhere.buckets_config VALUES ('Manta');";
    database.batch_execute(moved).await.unwrap();
    assert_eq!(names(&list_tables(&database).await.unwrap().sharded), ["elsewhere.manta"]);
    let who = database.value::<String>("ask", "SELECT current_user::text", &[]).await.unwrap();
    assert_eq!(who, "postgres", "nothing stays of the look as Moray");
    database
        .batch_execute("DROP SCHEMA elsewhere CASCADE; DROP TABLE public.buckets_config")
        .await
        .unwrap();
    let error = list_tables(&database).await.unwrap_err();
    assert!(matches!(error, RowsError::NoBuckets { .. }), "{error:?}");
}

/// Whatever a bucket holds is counted, or told as what it is.
#[tokio::test]
async fn no_row_makes_a_count_fail() {
    let chain = Chain::start(1);
    let database = database(&chain).await;
    let keys: Vec<String> = moved_keys().take(4).collect();
    insert(&database, &keys).await;
    let odd = "
        ALTER TABLE manta DROP CONSTRAINT manta_pkey, ALTER _key DROP NOT NULL;
        INSERT INTO manta (_key, _etag, _mtime, _vnode) VALUES
            (NULL, 'A', 1, 1), (NULL, NULL, NULL, NULL), ('', NULL, NULL, -1),
            ('/a/stor/b', NULL, 9223372036854775807, 9223372036854775807),
            ('/a/stor/c', 'B', -9223372036854775808, -9223372036854775808),
            ('\u{e9}/../%', 'C', NULL, 64);";
    database.batch_execute(odd).await.unwrap();
    database.execute("UPDATE manta SET _vnode = NULL WHERE _key = $1", &[&keys[0]]).await.unwrap();
    let count = counted(&database).await;
    let manta = count.tables.iter().find(|table| table.table == "manta").unwrap();
    assert_eq!((manta.without_key, manta.without_vnode, manta.with_another_vnode), (2, 1, 4));
    assert_eq!(manta.kept_by.iter().map(|(_, rows)| rows).sum::<u64>(), 8);
    let measured = measured(&database).await;
    let manta = measured.tables.iter().find(|table| table.table == "manta").unwrap();
    // One without a key has a vnode, the other belongs nowhere.
    assert_eq!(manta.vnodes.iter().map(|vnode| vnode.rows).sum::<u64>(), 9);
    assert_eq!((manta.without_vnode, manta.without_mtime), (2, 3));
    let all = (0..VNODES).map(Vnode::new).collect();
    crate::audit::sample_keys(&database, &hash(), &all, 64).await.unwrap();
    // A bucket that cannot be told apart is left alone; what is asked for wrongly is an error with its place.
    database
        .batch_execute("ALTER TABLE manta ALTER _key TYPE bytea USING _key::bytea")
        .await
        .unwrap();
    let tables = list_tables(&database).await.unwrap();
    let why = Flaw::Column { column: "_key".to_owned(), found: "bytea".to_owned() };
    assert_eq!(tables.left_alone.iter().map(|it| &it.why).collect::<Vec<_>>(), [&why]);
    let null = database.value::<i64>("ask for NULL", "SELECT NULL::bigint", &[]).await.unwrap_err();
    assert!(!null.is_retryable() && null.to_string().starts_with("cannot ask for NULL"), "{null}");
}

/// Two copies of a database that have parted.
struct Parted {
    _chain: Chain,
    tables: Tables,
    split: Split,
    points: ProofPoints,
    databases: [Database; 2],
}

impl Parted {
    /// With these rows from before.
    async fn with(keys: &[String]) -> Self {
        let chain = Chain::start(2);
        let source = database(&chain).await;
        insert(&source, keys).await;
        source.batch_execute("CREATE UNLOGGED TABLE scratch AS SELECT * FROM manta").await.unwrap();
        let point = proof::current_snapshot(&source).await.unwrap().xmin;
        chain.set(0, "synchronous_standby_names", "''");
        chain.promote(1);
        let target = connect(&chain, 1).await;
        let tables = list_tables(&source).await.unwrap();
        let end = end_of_copying(&target).await.unwrap();
        let points = ProofPoints { split: point, ends: [(shard(3), end)].into() };
        let databases = [source, target];
        Self { _chain: chain, tables, split: split(), points, databases }
    }

    fn table(&self, name: &str) -> &Table {
        self.tables.sharded.iter().find(|table| table.name == name).unwrap()
    }

    /// Deletes the ghosts of `manta` at the source.
    async fn delete(&self) -> Result<u64, RowsError> {
        let endpoints = self.databases.iter().map(|database| database.endpoint().clone());
        let mut databases = BTreeMap::new();
        for (number, endpoint) in (2..).zip(endpoints) {
            let database = Database::connect(&endpoint, Duration::from_secs(30)).await.unwrap();
            databases.insert(shard(number), database);
        }
        let keepers = Keepers::new(&self.split, self.points.clone(), databases).await?;
        let (holder, table) = (shard(2), self.table("manta"));
        let mut sweep = GhostSweep::begin(&keepers, &holder, table, 0).await?;
        let mut deleted = 0;
        while let Some(ghosts) = sweep.next().await? {
            deleted += delete_proven(&keepers, &holder, table, &ghosts).await?;
        }
        Ok(deleted)
    }

    async fn rows(&self, at: usize) -> i64 {
        let sql = "SELECT count(*) FROM manta WHERE _key IS NOT NULL";
        self.databases[at].value("count", sql, &[]).await.unwrap()
    }
}

/// A ghost that was changed after the split and has no `_mtime` may be the only copy of what it holds.
#[tokio::test]
async fn a_ghost_is_deleted_only_if_its_owner_has_or_had_it() {
    let keys: Vec<String> = moved_keys().take(6).collect();
    let parted = Parted::with(&keys).await;
    let [source, target] = &parted.databases;
    let changed =
        "UPDATE manta SET _value = 'newer', _etag = 'DEADBEEF', _mtime = NULL WHERE _key = $1";
    source.execute(changed, &[&keys[0]]).await.unwrap();
    source
        .batch_execute("ALTER TABLE manta DROP CONSTRAINT manta_pkey, ALTER _key DROP NOT NULL")
        .await
        .unwrap();
    source.batch_execute("INSERT INTO manta (_vnode) VALUES (1)").await.unwrap();
    let error = parted.delete().await.unwrap_err();
    let RowsError::Unproven(unproven) = error else { panic!("{error:?}") };
    assert_eq!(unproven.key, keys[0]);
    assert_eq!((parted.rows(0).await, parted.rows(1).await), (6, 6));
    // Nor is it older than one whose time nobody knows.
    let undated = "UPDATE manta SET _mtime = NULL WHERE _key = $1";
    target.execute(undated, &[&keys[0]]).await.unwrap();
    let error = parted.delete().await.unwrap_err();
    assert!(matches!(error, RowsError::Unproven(_)), "{error:?}");
    // Once it is at its owner it may go, and with it those that the owner had and has deleted. The one without a key stays.
    target.execute(changed, &[&keys[0]]).await.unwrap();
    target.execute("DELETE FROM manta WHERE _key = $1", &[&keys[1]]).await.unwrap();
    assert_eq!(parted.delete().await.unwrap(), 6);
    assert_eq!((parted.rows(0).await, parted.rows(1).await), (0, 5));
}

/// However old its rows are: an owner without any row of a table never had them, or lost them.
#[tokio::test]
async fn an_owner_that_has_nothing_of_a_table_proves_nothing() {
    let keys: Vec<String> = moved_keys().take(3).collect();
    let parted = Parted::with(&keys).await;
    let [_, target] = &parted.databases;
    let scratch = "SELECT count(*) FROM scratch";
    assert_eq!(target.value::<i64>("count", scratch, &[]).await.unwrap(), 0, "unlogged");
    for lost in ["TRUNCATE manta", "DROP TABLE manta"] {
        target.batch_execute(lost).await.unwrap();
        let error = parted.delete().await.unwrap_err();
        let RowsError::EmptyKeeper(empty) = error else { panic!("{lost}: {error:?}") };
        assert_eq!((&empty.keeper, empty.keys.len()), (&shard(3), 3), "{lost}");
    }
    assert_eq!(parted.rows(0).await, 3);
}

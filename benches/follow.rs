//! The speed at which a target follows: rows copied, entries replayed and rows compared in a second. Real PostgreSQL servers,
//! without fsync, with all the indexes that Manta's objects have.
//!
//! usage: cargo bench -p benches --bench follow [ROWS]

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot run may stop, and prints what it measures"
)]

use std::time::{Duration, Instant};

use fash::{Algorithm, Interval};
use reshard_core::guard::{
    Copy, CopyOptions, Lease, MoveNumber, Replay, ReplayOptions, Verify, VerifyOptions,
    VerifyPlaces, install,
};
use reshard_core::{Database, KeyHash, PlanUuid};
use test_servers::Chain;

/// The vnodes of the ring; the lower half moves.
const VNODES: u32 = 100_000;
const NUMBER: MoveNumber = MoveNumber::new(1);
/// Entries that are replayed at a time.
const ENTRIES: u64 = 100_000;
const ROUNDS: u64 = 3;
/// The columns of Manta's objects, with the indexes that Moray makes.
const MANTA: &str = "
    CREATE TABLE buckets_config (name text PRIMARY KEY, index text, pre text, post text, options text, mtime timestamp);
    INSERT INTO buckets_config VALUES ('manta', '{}', '[]', '[]', '{}');
    CREATE SEQUENCE manta_serial;
    CREATE TABLE manta (_id bigint DEFAULT nextval('manta_serial'), _txn_snap integer, _key text PRIMARY KEY,
        _value text NOT NULL, _etag char(8) NOT NULL, _mtime bigint DEFAULT (extract(epoch FROM now()) * 1000)::bigint,
        _vnode bigint, dirname text, name text, owner text, objectid text, type text);";
const INDEXED: [&str; 9] =
    ["_id", "_etag", "_mtime", "_vnode", "dirname", "name", "owner", "objectid", "type"];

fn hash() -> KeyHash {
    KeyHash::new(Interval::new(Algorithm::Sha256, VNODES), VNODES)
}

async fn connect(chain: &Chain) -> Database {
    let endpoint = chain.urls().first().unwrap().parse().unwrap();
    Database::connect(&endpoint, Duration::from_mins(10)).await.unwrap()
}

/// A shard with the move armed, as its source or as its target.
async fn shard(plan: PlanUuid, is_source: bool) -> Chain {
    let chain = Chain::start(1);
    chain.sql(0, "CREATE ROLE moray LOGIN");
    chain.sql(0, "CREATE DATABASE moray OWNER moray");
    let mut database = connect(&chain).await;
    let indexes = INDEXED.map(|column| {
        format!("CREATE INDEX manta_{column}_idx ON manta USING btree ({column}) WHERE {column} IS NOT NULL;")
    });
    database.batch_execute(&format!("{MANTA} {}", indexes.concat())).await.unwrap();
    install(&mut database, &hash()).await.unwrap();
    let (state, captured) = if is_source { ("open", true) } else { ("closed", false) };
    let arm = format!(
        "INSERT INTO reshard.move (move, plan, state, captured, epoch) VALUES (1, '{plan}', '{state}', {captured}, 1);
         INSERT INTO reshard.moving SELECT vnode, 1 FROM generate_series(0, {}) AS vnode;
         INSERT INTO reshard.guarded (move, table_schema, table_name, columns) VALUES (1, 'public', 'manta', '{{}}');
         CREATE TRIGGER reshard_check_row AFTER INSERT OR UPDATE OR DELETE ON manta
             FOR EACH ROW EXECUTE PROCEDURE reshard.check_row();
         ANALYZE reshard.moving;",
        VNODES / 2 - 1
    );
    database.batch_execute(&arm).await.unwrap();
    chain
}

/// Rows like those of objects, four fifths of which move; none in the log.
async fn fill(source: &Database, rows: u64) {
    let sql = format!(
        "SET session_replication_role = replica;
         INSERT INTO manta (_key, _value, _etag, _vnode, dirname, name, owner, objectid, type)
         SELECT '/' || md5((n % 97)::text)::uuid || '/stor/photos/' || n / 50 || '/' || md5(n::text),
             repeat(md5(n::text), 21), upper(left(md5(n::text), 8)), (n * 7919) % {} + CASE n % 5 WHEN 0 THEN {} ELSE 0 END,
             '/' || md5((n % 97)::text)::uuid || '/stor/photos/' || n / 50, md5(n::text), md5((n % 97)::text)::uuid,
             md5((n + 1)::text)::uuid, 'object' FROM generate_series(1, {rows}) AS n;
         RESET session_replication_role; VACUUM ANALYZE manta",
        VNODES / 2,
        VNODES / 2
    );
    for statement in sql.split(';') {
        source.batch_execute(statement).await.unwrap();
    }
}

fn rate(what: &str, count: u64, took: Duration) {
    #[expect(clippy::cast_precision_loss, reason = "it is shown in whole numbers")]
    let rate = count as f64 / took.as_secs_f64();
    println!("{what:<44} {count:>9} in {:>7.2} s  {rate:>10.0} /s", took.as_secs_f64());
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let rows: u64 = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(500_000);
    let lease = Lease { plan: PlanUuid::random(), epoch: 1 };
    let (source, target) = (shard(lease.plan, true).await, shard(lease.plan, false).await);
    let (at_source, at_target) = (connect(&source).await, connect(&target).await);
    drop(lease.take(connect(&source).await).await.unwrap());
    let ends = [&source, &target].map(|chain| chain.urls().first().unwrap().parse().unwrap());
    let [from, to] = &ends;
    fill(&at_source, rows).await;

    let begun = Instant::now();
    let mut copy =
        Copy::connect(lease, NUMBER, &hash(), from, to, CopyOptions::default()).await.unwrap();
    let copied = copy.run(std::future::pending(), &|_| ()).await.unwrap();
    rate("copy: rows of the move, of 5/4 as many", copied.rows, begun.elapsed());
    at_target.batch_execute("VACUUM ANALYZE manta").await.unwrap();

    for round in 0..ROUNDS {
        for workers in [1, 2, 4] {
            let sql = format!(
                "UPDATE manta SET _value = _value || 'x', _etag = 'AAAAAAAA', _mtime = _mtime + 1 WHERE _key IN \
                 (SELECT _key FROM manta WHERE _vnode < {} ORDER BY md5(_key || '{round}{workers}') LIMIT {ENTRIES})",
                VNODES / 2
            );
            at_source.batch_execute(&sql).await.unwrap();
            let mut options = ReplayOptions::default();
            options.workers = workers;
            let mut replay =
                Replay::connect(lease, NUMBER, &hash(), from, to, options).await.unwrap();
            let begun = Instant::now();
            let drained = replay.drain(Duration::from_mins(10)).await.unwrap();
            rate(&format!("replay: entries, {workers} workers"), drained.entries, begun.elapsed());
        }
        for (ranges, whole_every) in [(1, 50), (2, 50), (2, 1)] {
            let mut options = VerifyOptions::default();
            (options.ranges, options.whole_every) = (ranges, whole_every);
            let places = VerifyPlaces::primaries(from, to);
            let verify = Verify::connect(NUMBER, &hash(), &places, options).await.unwrap();
            let begun = Instant::now();
            let verified = verify.run(&|_| ()).await.unwrap();
            assert!(verified.is_sound(), "{verified:?}");
            let what = format!("verify: rows, {ranges} ranges, 1 page in {whole_every} whole");
            rate(&what, verified.rows, begun.elapsed());
        }
    }
}

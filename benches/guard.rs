//! The cost of the guard to writes, with it and without it in turn, and the time that fences take between many writers. Real
//! PostgreSQL servers, without fsync.
//!
//! usage: cargo bench -p benches --bench guard

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot run may stop, and prints what it measures"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fash::{Algorithm, Interval, Vnode};
use reshard_core::guard::{
    ArmOptions, FenceOptions, GuardError, Lease, MoveNumber, Patience, Session, arm, fence,
    install, remove, unfence,
};
use reshard_core::{Database, KeyHash, PlanUuid, VnodeSet};
use test_servers::Chain;

/// The vnodes of the ring; the lower half moves.
const VNODES: u32 = 200_000;
/// Rows of each kind that a statement writes.
const ROWS: u32 = 2_000;
/// Statements, or puts, of each kind in a round.
const STATEMENTS: u32 = 5;
const PUTS: u32 = 1_000;
const ROUNDS: usize = 9;
const FENCES: usize = 300;
const WRITERS: u32 = 16;
const NUMBER: MoveNumber = MoveNumber::new(1);

fn hash() -> KeyHash {
    KeyHash::new(Interval::new(Algorithm::Sha256, VNODES), VNODES)
}

async fn connect(chain: &Chain) -> Database {
    let endpoint = chain.urls()[0].parse().unwrap();
    Database::connect(&endpoint, Duration::from_mins(1)).await.unwrap()
}

/// Moray's bucket `manta` with rows of moving vnodes, whose keys begin with `m`, and of others, whose keys begin with `o`.
async fn shard(servers: usize) -> Chain {
    let chain = Chain::start(servers);
    chain.sql(0, "CREATE ROLE moray LOGIN");
    chain.sql(0, "CREATE DATABASE moray OWNER moray");
    let sql = format!(
        "CREATE TABLE buckets_config (name text PRIMARY KEY, index text, pre text, post text, options text, mtime timestamp);
         CREATE SEQUENCE manta_serial;
         CREATE TABLE manta (_id bigint DEFAULT nextval('manta_serial'), _txn_snap integer, _key text PRIMARY KEY,
             _value text NOT NULL, _etag char(8) NOT NULL,
             _mtime bigint DEFAULT (extract(epoch FROM now()) * 1000)::bigint, _vnode bigint);
         CREATE INDEX manta__vnode_idx ON manta USING btree (_vnode) WHERE _vnode IS NOT NULL;
         INSERT INTO buckets_config VALUES ('manta', '{{}}', '[]', '[]', '{{}}');
         INSERT INTO manta (_key, _value, _etag, _vnode) SELECT kind || n, repeat('v', 600), 'AAAAAAAA',
             n * 7 % {half} + CASE kind WHEN 'm' THEN 0 ELSE {half} END
             FROM generate_series(1, {ROWS}) AS n, unnest(ARRAY['m', 'o']) AS kind;
         GRANT ALL ON ALL TABLES IN SCHEMA public TO moray; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO moray;
         ANALYZE manta",
        half = VNODES / 2,
    );
    connect(&chain).await.batch_execute(&sql).await.unwrap();
    chain
}

async fn armed(chain: &Chain, lease: Lease) -> Session {
    let mut database = connect(chain).await;
    install(&mut database, &hash()).await.unwrap();
    let mut session = lease.take(database).await.unwrap();
    let set: VnodeSet = (0..VNODES / 2).map(Vnode::new).collect();
    arm(&mut session, NUMBER, &set, 1, &ArmOptions::default()).await.unwrap();
    session
}

/// The time that a row takes in statements that write many, in microseconds.
async fn statements(database: &Database, kind: &str) -> f64 {
    let began = Instant::now();
    for n in 0..STATEMENTS {
        let sql = format!("UPDATE manta SET _etag = 'E{n:07}' WHERE _key LIKE '{kind}%'");
        database.batch_execute(&sql).await.unwrap();
    }
    micros(began.elapsed()) / f64::from(STATEMENTS * ROWS)
}

fn put(kind: &str, n: u32, value: u32) -> String {
    let half = VNODES / 2;
    let vnode = n * 7 % half + if kind == "m" { 0 } else { half };
    format!(
        "BEGIN; SELECT _etag FROM manta WHERE _key = '{kind}{n}' FOR UPDATE; \
         INSERT INTO manta (_key, _value, _etag, _vnode) VALUES ('{kind}{n}', repeat('v', 600), 'P{value:07}', {vnode}) \
         ON CONFLICT (_key) DO UPDATE SET _value = excluded._value, _etag = excluded._etag, _vnode = excluded._vnode; COMMIT"
    )
}

/// The time that a put as Moray makes it takes, in microseconds.
async fn puts(database: &Database, kind: &str) -> f64 {
    let began = Instant::now();
    for n in 1..=PUTS {
        database.batch_execute(&put(kind, n, n)).await.unwrap();
    }
    micros(began.elapsed()) / f64::from(PUTS)
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// Measures each kind of write in rounds, without the guard and with it.
async fn costs() {
    let chain = shard(1).await;
    let lease = Lease { plan: PlanUuid::random(), epoch: 1 };
    let kinds = [("moving", "m"), ("other", "o")];
    let mut found = vec![[Vec::new(), Vec::new()]; 4];
    for _ in 0..ROUNDS {
        for guard in [0, 1] {
            let session = if guard == 1 { Some(armed(&chain, lease).await) } else { None };
            let database = connect(&chain).await;
            database.batch_execute("VACUUM manta").await.unwrap();
            database.batch_execute("SET SESSION AUTHORIZATION moray").await.unwrap();
            for (place, (_, kind)) in kinds.iter().enumerate() {
                // Once for the caches.
                statements(&database, kind).await;
                found[place][guard].push(statements(&database, kind).await);
                found[place + 2][guard].push(puts(&database, kind).await);
            }
            if session.is_some() {
                let database = connect(&chain).await;
                remove(database, lease, NUMBER, &Patience::FOR_TABLES).await.unwrap();
            }
        }
    }
    println!("cost of a row, medians of {ROUNDS} rounds (least and most), in microseconds");
    let rows = ["moving, in a statement", "other, in a statement", "moving, a put", "other, a put"];
    for (name, found) in rows.iter().zip(found) {
        let [off, on] = found.map(sorted);
        let middle = ROUNDS / 2;
        let cost = on[middle] - off[middle];
        let show =
            |all: &[f64]| format!("{:.1} ({:.1} to {:.1})", all[middle], all[0], all[ROUNDS - 1]);
        println!(
            "  {name:24} off {:26} on {:26} cost {cost:6.1} ({:+.1} %)",
            show(&off),
            show(&on),
            100.0 * cost / off[middle]
        );
    }
}

/// Measures fences between writers who do nothing else than write moving rows.
async fn fences(servers: usize) {
    let chain = shard(servers).await;
    let mut session = armed(&chain, Lease { plan: PlanUuid::random(), epoch: 1 }).await;
    let (is_over, commits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let (database, is_over, commits) =
            (connect(&chain).await, is_over.clone(), commits.clone());
        writers.push(tokio::spawn(async move {
            database.batch_execute("SET SESSION AUTHORIZATION moray").await.unwrap();
            let mut longest = Duration::ZERO;
            let mut n = writer * 97;
            while !is_over.load(Ordering::Relaxed) {
                n = (n * 31 + 17) % ROWS;
                let began = Instant::now();
                match database.batch_execute(&put("m", n + 1, n)).await {
                    Ok(()) => {
                        commits.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(_) => database.batch_execute("ROLLBACK").await.unwrap(),
                }
                longest = longest.max(began.elapsed());
            }
            longest
        }));
    }
    let options = FenceOptions { budget: Duration::from_mins(1), ..FenceOptions::default() };
    let (mut took, mut queued, mut held) = (Vec::new(), Vec::new(), Vec::new());
    let (mut attempts, mut given_up) = (0, 0);
    let began = Instant::now();
    while took.len() < FENCES {
        let from = commits.load(Ordering::Relaxed);
        while commits.load(Ordering::Relaxed) < from + u64::from(WRITERS) {
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let start = Instant::now();
        match fence(&mut session, NUMBER, &options).await {
            Ok(fence) => {
                took.push(micros(start.elapsed()) / 1e3);
                queued.push(micros(fence.waited.queued) / 1e3);
                held.push(micros(fence.held) / 1e3);
                attempts = attempts.max(fence.waited.attempts);
            }
            Err(GuardError::Busy { .. }) => given_up += 1,
            Err(error) => panic!("{error}"),
        }
        unfence(&mut session, NUMBER).await.unwrap();
        // As a replay would, so that the log is no longer than in a cutover.
        session.database().batch_execute("TRUNCATE reshard.log_0").await.unwrap();
    }
    let lasted = began.elapsed();
    is_over.store(true, Ordering::Relaxed);
    let mut longest = Duration::ZERO;
    for writer in writers {
        longest = longest.max(writer.await.unwrap());
    }
    println!(
        "{FENCES} fences between {WRITERS} writers, {} servers: {} commits in {:.1} s, at most {attempts} attempts, {given_up} given \
         up, the longest write {longest:?}",
        servers,
        commits.load(Ordering::Relaxed),
        lasted.as_secs_f64()
    );
    for (name, all) in
        [("fence", took), ("  others queue behind it", queued), ("  lock held", held)]
    {
        let all = sorted(all);
        println!(
            "  {name:26} median {:6.1} ms, p99 {:6.1} ms, worst {:6.1} ms",
            all[FENCES / 2],
            all[FENCES * 99 / 100],
            all[FENCES - 1]
        );
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    // `cargo test --benches` and nextest ask for a list.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    costs().await;
    for servers in [1, 2] {
        fences(servers).await;
    }
}

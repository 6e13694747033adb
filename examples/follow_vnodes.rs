//! Moves vnodes from one database to another with the guard alone, while clients write: copy, follow, compare, and a cutover of
//! some milliseconds. It starts two PostgreSQL servers of its own.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fash::{Algorithm, Interval, Vnode};
use reshard_core::guard::{
    ArmOptions, Copy, CopyOptions, FenceOptions, Lease, MoveNumber, Patience, Replay,
    ReplayOptions, SealOptions, Session, Verify, VerifyOptions, VerifyPlaces, advance_sequences,
    arm, close_target, fence, install, mark_moved, open_target, remove, seal,
};
use reshard_core::{Database, KeyHash, PlanUuid, VnodeSet};
use test_servers::Chain;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const MOVE: MoveNumber = MoveNumber::new(1);
/// A bucket as Moray makes it.
const MANTA: &str = "
    CREATE TABLE buckets_config (name text PRIMARY KEY, index text, pre text, post text, options text, mtime timestamp);
    INSERT INTO buckets_config VALUES ('manta', '{}', '[]', '[]', '{}');
    CREATE SEQUENCE manta_serial;
    CREATE TABLE manta (_id bigint DEFAULT nextval('manta_serial'), _txn_snap integer, _key text PRIMARY KEY,
        _value text NOT NULL, _etag char(8) NOT NULL, _mtime bigint DEFAULT (extract(epoch FROM now()) * 1000)::bigint, _vnode bigint);";

#[tokio::main]
async fn main() -> Result<()> {
    let hash = KeyHash::new(Interval::new(Algorithm::Sha256, 1_000), 1_000);
    let moving: VnodeSet = (0..500).map(Vnode::new).collect();
    let lease = Lease { plan: PlanUuid::random(), epoch: 1 };
    let (one, other) = (Chain::start(1), Chain::start(1));
    let mut source = session(&one, &hash, lease).await?;
    let mut target = session(&other, &hash, lease).await?;
    let ends = [url(&one)?.parse()?, url(&other)?.parse()?];

    // A client that writes rows, and goes where they are: each number counts up, so that a lost write is seen.
    let stop = Arc::new(AtomicBool::new(false));
    let clients = [connect(&one).await?, connect(&other).await?];
    let client = tokio::spawn(write(clients, hash.clone(), stop.clone()));

    // From now on the source logs what is written to the moving vnodes, and the target refuses it.
    let armed = arm(&mut source, MOVE, &moving, 0, &ArmOptions::default()).await?;
    close_target(&mut target, MOVE, &moving, &armed.tables, &ArmOptions::default()).await?;

    let options = CopyOptions::default();
    let mut copy = Copy::connect(lease, MOVE, &hash, &ends[0], &ends[1], options).await?;
    let copied = copy.run(std::future::pending(), &|_| ()).await?;
    println!("copied {} rows", copied.rows);

    let mut replay =
        Replay::connect(lease, MOVE, &hash, &ends[0], &ends[1], ReplayOptions::default()).await?;
    let followed = replay.follow(tokio::time::sleep(Duration::from_secs(1)), &|_| ()).await?;
    println!("replayed {} entries; {} are left", followed.entries, followed.lag.entries);

    let places = VerifyPlaces::primaries(&ends[0], &ends[1]);
    let verify = Verify::connect(MOVE, &hash, &places, VerifyOptions::default()).await?;
    let verified = verify.run(&|_| ()).await?;
    println!(
        "compared {} rows: {}",
        verified.rows,
        if verified.is_sound() { "the same" } else { "different" }
    );
    advance_sequences(source.database(), &mut target, MOVE, 1_000).await?;

    // The cutover. Writes of the moving vnodes are refused in it, and nobody else's.
    let begun = Instant::now();
    let fenced = fence(&mut source, MOVE, &FenceOptions::default()).await?;
    let drained = replay.drain(Duration::from_secs(1)).await?;
    let verified = verify.keys(&drained.touched).await?;
    if !drained.is_empty || !verified.is_sound() {
        return Err("the fence falls by itself, and nothing has happened".into());
    }
    let sealed = seal(&mut source, &fenced, &SealOptions::default()).await?;
    let opened = open_target(&mut target, &sealed).await?;
    println!("the target is open after {:?}", begun.elapsed());
    mark_moved(&mut source, &opened).await?;

    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    let (written, refused) = client.await??;
    println!("{written} writes, {refused} tries refused, none lost");
    for chain in [&one, &other] {
        remove(connect(chain).await?, lease, MOVE, &Patience::FOR_TABLES).await?;
    }
    Ok(())
}

fn url(chain: &Chain) -> Result<String> {
    Ok(chain.urls().into_iter().next().ok_or("no server")?)
}

async fn connect(chain: &Chain) -> Result<Database> {
    Ok(Database::connect(&url(chain)?.parse()?, Duration::from_secs(30)).await?)
}

/// A shard with a bucket and the schema `reshard`.
async fn session(chain: &Chain, hash: &KeyHash, lease: Lease) -> Result<Session> {
    chain.sql(0, "CREATE ROLE moray LOGIN");
    chain.sql(0, "CREATE DATABASE moray OWNER moray");
    let mut database = connect(chain).await?;
    database
        .batch_execute(&format!(
            "GRANT ALL ON SCHEMA public TO moray; SET ROLE moray; {MANTA} RESET ROLE"
        ))
        .await?;
    install(&mut database, hash).await?;
    Ok(lease.take(database).await?)
}

/// Counts up the numbers of a thousand rows, in turn; what the source refuses for good is written at the target. Tells how many
/// writes there were, and how many tries were refused.
async fn write(clients: [Database; 2], hash: KeyHash, stop: Arc<AtomicBool>) -> Result<(u64, u64)> {
    let [source, target] = &clients;
    let (mut written, mut refused) = (0, 0);
    let put = "INSERT INTO manta AS held (_key, _value, _etag, _vnode) VALUES ($1, '1', '', $2) \
               ON CONFLICT (_key) DO UPDATE SET _value = (held._value::bigint + 1)::text RETURNING _value::bigint";
    while !stop.load(Ordering::Relaxed) {
        let key = format!("/owner/stor/{}/file", written % 1_000);
        let vnode = i64::from(hash.vnode_of_key("manta", &key)?.number());
        // Refused at both means that it moves just now.
        let row = loop {
            match source.query_one(put, &[&key, &vnode]).await {
                Ok(row) => break row,
                Err(error) if error.code().is_none_or(|code| code.code() != "RS001") => {
                    return Err(error.into());
                }
                Err(_) => {}
            }
            if let Ok(row) = target.query_one(put, &[&key, &vnode]).await {
                break row;
            }
            refused += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let counted: i64 = row.try_get(0)?;
        if counted != written / 1_000 + 1 {
            return Err(
                format!("{key} was written {counted} times, not {}", written / 1_000 + 1).into()
            );
        }
        written += 1;
    }
    Ok((u64::try_from(written)?, refused))
}

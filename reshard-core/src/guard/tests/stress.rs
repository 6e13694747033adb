//! Many writers, a fence after the other, and a copy that is brought up to date from the log in each (rules R1, R4 and R21).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::super::{GuardError, fence, unfence};
use super::fixture::{keys, put, vnode};
use super::scene::{NUMBER, Scene, long_fence};
use crate::deployment::Database;

/// Keys that writers write, half of them of moving vnodes. Few, so that they meet.
const KEYS: usize = 100;
/// The fewest fences that tell something, however slow the machine is.
const FENCES: usize = 20;
/// The vnode of a row, wherever that stands.
const VNODE: &str = "coalesce(_vnode, reshard.vnode_of_key('manta', _key))";

/// A copy of the rows of moving vnodes of `manta`, kept up to date from the log.
#[async_trait]
pub(in crate::guard) trait Follower {
    /// Applies the whole log, and removes what it has applied.
    async fn follow(&mut self);
    /// A digest of the copy as [`digest_of`] makes it.
    async fn digest(&mut self) -> String;
}

/// SQL for a digest of the rows of moving vnodes in a table made like `manta`.
pub(in crate::guard) fn digest_of(table: &str) -> String {
    format!(
        "SELECT md5(coalesce(string_agg(_key || ' ' || _value || ' ' || coalesce(_vnode, -1), ',' ORDER BY _key), '')) \
         FROM {table} WHERE {VNODE} % 2 = 1"
    )
}

/// The outcome of a stress.
#[derive(Debug, Default)]
pub(in crate::guard) struct Stress {
    pub(in crate::guard) commits: u64,
    pub(in crate::guard) refused: u64,
    /// The time that each fence took.
    pub(in crate::guard) fences: Vec<Duration>,
    /// Fences that were given up for writers in the way.
    pub(in crate::guard) busy: u64,
    /// Everything that was not as it should be.
    pub(in crate::guard) wrong: Vec<String>,
}

/// The count of what writers have done, and whether they go on.
#[derive(Default)]
struct Counts {
    is_over: AtomicBool,
    commits: AtomicU64,
    refused: AtomicU64,
    other: AtomicU64,
}

/// Lets writers write, puts up fences for as long as it is told, or until something is wrong, and looks in each that nothing moves
/// any more and that the follower has everything.
pub(in crate::guard) async fn stress(
    scene: &mut Scene,
    writers: usize,
    lasts: Duration,
    follower: &mut dyn Follower,
) -> Stress {
    let counts = Arc::new(Counts::default());
    let mut tasks = Vec::new();
    for number in 0..writers {
        let (database, counts) = (scene.shard.connect_as_moray().await, counts.clone());
        tasks.push(tokio::spawn(async move { write(&database, number, &counts).await }));
    }
    let mut stress = Stress::default();
    let began = Instant::now();
    let is_enough = |stress: &Stress| began.elapsed() >= lasts && stress.fences.len() >= FENCES;
    while !is_enough(&stress) && stress.wrong.is_empty() {
        progress(&counts.commits, writers as u64).await;
        let start = Instant::now();
        match fence(&mut scene.session, NUMBER, &long_fence()).await {
            Ok(_) => stress.fences.push(start.elapsed()),
            Err(GuardError::Busy { .. }) => {
                stress.busy += 1;
                continue;
            }
            Err(error) => panic!("{}", crate::Chain(&error)),
        }
        let fence = stress.fences.len();
        stress.wrong.extend(look(scene, &counts, writers, fence, follower).await);
        unfence(&mut scene.session, NUMBER).await.unwrap();
    }
    counts.is_over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    stress.commits = counts.commits.load(Ordering::Relaxed);
    stress.refused = counts.refused.load(Ordering::Relaxed);
    let other = counts.other.load(Ordering::Relaxed);
    if other > 0 {
        stress.wrong.push(format!("{other} writes failed for other reasons"));
    }
    stress
}

/// Looks while a fence is up, and lists what is wrong.
async fn look(
    scene: &Scene,
    counts: &Counts,
    writers: usize,
    fence: usize,
    follower: &mut dyn Follower,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let sql = digest_of("manta");
    let before: String = scene.value(&sql).await;
    follower.follow().await;
    // Long enough for every writer that had begun to end.
    progress(&counts.refused, 2 * writers as u64).await;
    let after: String = scene.value(&sql).await;
    if before != after {
        wrong.push(format!("rows were written while fence {fence} was up"));
    }
    if follower.digest().await != after {
        wrong.push(format!("the copy is not equal in fence {fence}"));
    }
    let left = scene.entries().await;
    if left > 0 {
        wrong.push(format!("{left} entries were logged while fence {fence} was up"));
    }
    wrong
}

/// Waits until a count has grown by so much.
async fn progress(count: &AtomicU64, by: u64) {
    let (began, from) = (Instant::now(), count.load(Ordering::Relaxed));
    while count.load(Ordering::Relaxed) < from + by {
        assert!(began.elapsed() < Duration::from_secs(30), "writers do nothing");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Transactions of one to four writes as Moray makes them, until it is over.
async fn write(database: &Database, number: usize, counts: &Counts) {
    let keys: Vec<String> = keys(true).take(KEYS / 2).chain(keys(false).take(KEYS / 2)).collect();
    let mut random = Random(number as u64 + 1);
    while !counts.is_over.load(Ordering::Relaxed) {
        // In order, so that no two of them wait for each other.
        let mut chosen: Vec<usize> = (0..=random.below(4)).map(|_| random.below(KEYS)).collect();
        chosen.sort_unstable();
        let writes: Vec<String> =
            chosen.into_iter().map(|key| statement(&keys[key], &mut random)).collect();
        let end = if random.below(10) == 0 { "ROLLBACK" } else { "COMMIT" };
        let sql = format!("BEGIN; {}; {end}", writes.join("; "));
        match database.batch_execute(&sql).await {
            Ok(()) => {
                counts.commits.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                let code = error.code().map(tokio_postgres::error::SqlState::code);
                let count = match code {
                    Some("RS001" | "RS003") => &counts.refused,
                    // Unique keys are locked in the order in which they are inserted: that is Moray's own trouble.
                    Some("40P01") => &counts.commits,
                    _ => &counts.other,
                };
                count.fetch_add(1, Ordering::Relaxed);
                database.batch_execute("ROLLBACK").await.unwrap();
            }
        }
    }
}

fn statement(key: &str, random: &mut Random) -> String {
    let value = random.below(1_000_000);
    match random.below(20) {
        0..8 => put(key, &value.to_string()),
        8..13 => format!("UPDATE manta SET _value = '{value}' WHERE _key = '{key}'"),
        13..16 => format!("DELETE FROM manta WHERE _key = '{key}'"),
        16..18 => format!(
            "SELECT * FROM manta WHERE _key = '{key}' FOR UPDATE; \
             UPDATE manta SET _value = '{value}' WHERE _key = '{key}'"
        ),
        18 => format!("UPDATE manta SET _value = '{value}', _vnode = NULL WHERE _key = '{key}'"),
        _ => format!(
            "UPDATE manta SET _value = '{value}', _vnode = {} WHERE _key = '{key}'",
            vnode(key)
        ),
    }
}

/// Numbers that look random, and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }
}

/// A copy in the same database.
pub(in crate::guard) struct Shadow(Database);

impl Shadow {
    /// A copy of the rows that are there.
    pub(in crate::guard) async fn of(scene: &Scene) -> Self {
        let database = scene.shard.connect().await;
        let sql = format!("CREATE TABLE shadow AS SELECT * FROM manta WHERE {VNODE} % 2 = 1");
        database.batch_execute(&sql).await.unwrap();
        Self(database)
    }
}

#[async_trait]
impl Follower for Shadow {
    async fn follow(&mut self) {
        let sql = "SELECT entry, key FROM reshard.log WHERE move = 1";
        let rows = self.0.query(sql, &[]).await.unwrap();
        let entries: Vec<i64> = rows.iter().map(|row| row.try_get(0).unwrap()).collect();
        let keys: Vec<String> = rows.iter().map(|row| row.try_get(1).unwrap()).collect();
        let transaction = self.0.begin().await.unwrap();
        let delete = "DELETE FROM shadow WHERE _key = ANY ($1)";
        transaction.execute(delete, &[&keys]).await.unwrap();
        let insert = format!(
            "INSERT INTO shadow SELECT * FROM manta WHERE _key = ANY ($1) AND {VNODE} % 2 = 1"
        );
        transaction.execute(&insert, &[&keys]).await.unwrap();
        for partition in 0..3 {
            let done = format!("DELETE FROM reshard.log_{partition} WHERE entry = ANY ($1)");
            transaction.execute(&done, &[&entries]).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }

    async fn digest(&mut self) -> String {
        self.0.value("digest", &digest_of("shadow"), &[]).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r21_nothing_gets_past_fences_between_many_writers() {
    let mut scene = Scene::open().await;
    let mut shadow = Shadow::of(&scene).await;
    let mut stress = stress(&mut scene, 12, Duration::from_secs(5), &mut shadow).await;
    assert_eq!(stress.wrong, Vec::<String>::new());
    stress.fences.sort_unstable();
    let count = stress.fences.len();
    println!(
        "{count} fences, median {:?}, longest {:?}, given up {}; {} commits, {} refused",
        stress.fences[count / 2],
        stress.fences[count - 1],
        stress.busy,
        stress.commits,
        stress.refused
    );
    assert!(stress.refused > 0 && stress.commits > 0);
}

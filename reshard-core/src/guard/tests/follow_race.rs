//! Following while many write: nothing is lost, and nothing is put that was not there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::super::{Lease, VerifyOptions};
use super::pair::Pair;
use super::writers::{Writers, some_keys};

/// The time for which a race lasts.
const RACE: Duration = Duration::from_secs(4);

/// The number of differences, once nobody writes any more and the log is drained, time and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r7_a_target_follows_its_source_under_load() {
    let pair = Pair::start().await;
    let keys = some_keys(40);
    let deadline = Instant::now() + RACE;
    let (mut commits, mut entries, mut rounds) = (0, 0, 0);
    // On a machine that has much else to do it lasts longer.
    while Instant::now() < deadline || rounds < 3 || entries <= 500 {
        let mut replay = pair.replay(3).await;
        let writers = Writers::start(&pair.source, 8, &keys).await;
        let stop = Notify::new();
        let write = async {
            commits += writers.work(Duration::from_millis(300)).await;
            stop.notify_one();
        };
        let (followed, ()) = tokio::join!(replay.follow(stop.notified(), &|_| ()), write);
        entries += followed.unwrap().entries;
        let drained = replay.drain(Duration::from_secs(20)).await.unwrap();
        assert!(drained.is_empty);
        entries += drained.entries;
        assert_eq!(pair.differing().await, [""; 0], "after {commits} commits");
        rounds += 1;
    }
    println!("{rounds} rounds, {commits} commits, {entries} entries");
}

/// While rows are written and follow, a comparison finds nothing that is not so; and a difference that is there, it finds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r22_a_comparison_under_load_finds_what_is_there_and_nothing_else() {
    let pair = Pair::start().await;
    let keys = some_keys(200);
    let mut replay = pair.replay(2).await;
    let writers = Writers::start(&pair.source, 4, &keys).await;
    let options = VerifyOptions { page: 50, whole_every: 2, ranges: 2, ..VerifyOptions::default() };
    let verify = pair.verify(options).await;
    let stop = Notify::new();
    let rounds = AtomicU64::new(0);
    let compare = async {
        let deadline = Instant::now() + RACE;
        while Instant::now() < deadline {
            let verified = verify.run(&|_| ()).await.unwrap();
            assert!(verified.is_sound(), "{verified:?}");
            rounds.fetch_add(1, Ordering::Relaxed);
        }
        // A row that nobody writes, and that is not at the source.
        let sql = "SET session_replication_role = replica; \
                   INSERT INTO manta (_key, _value, _etag, _vnode) VALUES ('/nobody/stor/a', 'x', 'A', 1)";
        pair.at_target.batch_execute(sql).await.unwrap();
        let verified = verify.run(&|_| ()).await.unwrap();
        let found: Vec<&str> = verified.differences.iter().map(|it| it.key.as_str()).collect();
        assert_eq!(found, ["/nobody/stor/a"], "{verified:?}");
        stop.notify_one();
    };
    let (followed, ()) = tokio::join!(replay.follow(stop.notified(), &|_| ()), compare);
    let commits = writers.stop().await;
    println!("{commits} commits, {rounds:?} comparisons, {:?}", followed.unwrap());
}

/// Whoever takes over while the old one replays without a pause gets the lease, and goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r8_a_takeover_ends_a_replay_that_never_rests() {
    let mut pair = Pair::start().await;
    let keys = some_keys(40);
    let writers = Writers::start(&pair.source, 4, &keys).await;
    let mut zombie = pair.replay(4).await;
    let new = Lease { epoch: 2, ..pair.lease };
    let take = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let begun = Instant::now();
        drop(pair.target.session(new.plan, new.epoch).await);
        drop(pair.source.session(new.plan, new.epoch).await);
        begun.elapsed()
    };
    let (ended, took) = tokio::join!(zombie.follow(std::future::pending(), &|_| ()), take);
    println!("the takeover took {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    ended.unwrap_err();
    writers.stop().await;
    pair.lease = new;
    pair.drain().await;
    assert_eq!(pair.differing().await, [""; 0]);
}

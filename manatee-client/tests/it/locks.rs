//! Named locks and the dump lock.

use std::time::Duration;

use manatee_client::{
    DumpLock, DumpLockError, DumpLockState, Lock, LockError, LockState, Session, ShardError,
    Takeover,
};
use test_servers::{Line, Proxy, ZooKeeper};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::{PERSISTENT, first_state, now, options, raw, session, session_at, shard};

const PATIENCE: Duration = Duration::from_secs(20);

fn lock(session: &Session, name: &str) -> Lock {
    Lock::new(session.clone(), "/reshard/locks", name).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks() {
    let server = ZooKeeper::start();
    one_holder_at_a_time(&server).await;
    a_dead_holders_lock_is_taken_over_and_its_late_writes_fail(&server).await;
    many_want_it(&server).await;
    the_dump_lock_counts_its_holders(&server).await;
}

async fn one_holder_at_a_time(server: &ZooKeeper) {
    let (first, second) = (session(server).await, session(server).await);
    let (mine, theirs) = (lock(&first, "shard-1"), lock(&second, "shard-1"));
    assert_eq!(mine.state().await.unwrap(), LockState::Free);
    let held = mine.try_acquire("plan-1", now(), Takeover::Never).await.unwrap();
    assert_eq!(held.token(), 1);
    assert!(held.is_held().await.unwrap());
    let again = mine.try_acquire("plan-1", now(), Takeover::Never).await.unwrap();
    assert_eq!(again.token(), 1, "asking twice is asking once");
    let refused = theirs.try_acquire("plan-2", now(), Takeover::Anyone).await;
    let Err(LockError::Held { record, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(record.owner.as_deref(), Some("plan-1"));
    assert_eq!(record.since.as_deref(), Some("2024-05-06T07:08:09.123Z"));
    let short = Duration::from_millis(100);
    let refused = theirs.acquire("plan-2", now(), Takeover::Never, short).await;
    assert!(matches!(refused, Err(LockError::Held { .. })));
    let waiting =
        tokio::spawn(
            async move { theirs.acquire("plan-2", now(), Takeover::Never, PATIENCE).await },
        );
    held.release().await.unwrap();
    let held = timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(held.token(), 2, "tokens grow across releases");
    assert!(!again.is_held().await.unwrap());
    assert!(matches!(again.release().await, Err(LockError::Lost { .. })));
    held.release().await.unwrap();
    held.release().await.unwrap();
    assert_eq!(mine.state().await.unwrap(), LockState::Free);
    assert!(matches!(Lock::new(first, "/locks", "a/b"), Err(LockError::BadName { .. })));
}

async fn a_dead_holders_lock_is_taken_over_and_its_late_writes_fail(server: &ZooKeeper) {
    let proxy = Proxy::to(server.address()).await;
    let dying = session_at(proxy.address(), &options(Duration::from_secs(2))).await;
    let heir = session(server).await;
    let shards = shard(&heir, "1.moray.test");
    shards.establish(&first_state()).await.unwrap();
    let held = lock(&dying, "x").try_acquire("plan-1", now(), Takeover::Never).await.unwrap();
    // The late writer reaches the servers by another way, as a process does that slept for a minute.
    let late = shards.clone().fenced_by(&held);
    let lock = lock(&heir, "x");
    let waiting = {
        let lock = lock.clone();
        tokio::spawn(async move { lock.acquire("plan-2", now(), Takeover::Never, PATIENCE).await })
    };
    proxy.set(Line::Cut);
    let abandoned = timeout(PATIENCE, waiting).await.unwrap().unwrap();
    let Err(LockError::Abandoned { record, .. }) = abandoned else { panic!("{abandoned:?}") };
    assert_eq!(record.owner.as_deref(), Some("plan-1"));
    assert_eq!(lock.state().await.unwrap(), LockState::Abandoned(record));
    assert!(!held.is_held().await.unwrap_or(false));
    // Nobody has taken it over, so the writes of the dead holder do no harm yet.
    late.unfreeze("setup").await.unwrap();
    let own = lock.try_acquire("plan-2", now(), Takeover::Own).await;
    assert!(matches!(own, Err(LockError::Abandoned { .. })));
    let taken = lock.try_acquire("plan-1", now(), Takeover::Own).await.unwrap();
    assert_eq!(taken.token(), 2);
    let refused = late.freeze(now(), "late", "plan-1").await;
    assert!(matches!(refused, Err(ShardError::LockLost { .. })), "{refused:?}");
    let dumps = DumpLock::new(heir.clone()).fenced_by(&taken);
    dumps.acquire("plan-1", now()).await.unwrap();
    let refused = DumpLock::new(heir.clone()).fenced_by(&held).release("plan-1").await;
    assert!(matches!(refused, Err(DumpLockError::LockLost { .. })), "{refused:?}");
    assert!(matches!(dumps.state().await.unwrap(), DumpLockState::Held(_)));
    dumps.release("plan-1").await.unwrap();
    let fenced = shards.clone().fenced_by(&taken);
    fenced.freeze(now(), "in time", "plan-1").await.unwrap();
    let version = shards.read_existing().await.unwrap().version;
    assert_eq!(version, 2, "the late write left no trace");
    taken.release().await.unwrap();
}

async fn many_want_it(server: &ZooKeeper) {
    let mut all = JoinSet::new();
    for number in 0..8 {
        let session = session(server).await;
        all.spawn(async move {
            let owner = format!("plan-{number}");
            let lock = lock(&session, "busy");
            let held = lock.acquire(&owner, now(), Takeover::Never, PATIENCE).await.unwrap();
            let token = held.token();
            assert!(held.is_held().await.unwrap());
            held.release().await.unwrap();
            token
        });
    }
    let mut tokens = all.join_all().await;
    tokens.sort_unstable();
    assert_eq!(tokens, [1, 2, 3, 4, 5, 6, 7, 8]);
}

async fn the_dump_lock_counts_its_holders(server: &ZooKeeper) {
    let raw = raw(server).await;
    let exists = async || raw.check_stat("/pg_dump_lock").await.unwrap().is_some();
    let session = session(server).await;
    let lock = DumpLock::new(session.clone());
    assert_eq!(lock.state().await.unwrap(), DumpLockState::Free);
    lock.release("plan-1").await.unwrap();
    assert!(!exists().await);
    lock.acquire("plan-1", now()).await.unwrap();
    lock.acquire("plan-1", now()).await.unwrap();
    lock.acquire("plan-2", now()).await.unwrap();
    let DumpLockState::Held(holders) = lock.state().await.unwrap() else { panic!("not held") };
    let owners: Vec<_> = holders.iter().map(|holder| holder.owner.as_str()).collect();
    assert_eq!(owners, ["plan-1", "plan-2"]);
    lock.release("plan-1").await.unwrap();
    assert!(exists().await, "plan-2 needs it still");
    drop((lock, session));
    assert!(exists().await, "it does not go with a session");
    let session = crate::support::session(server).await;
    let lock = DumpLock::new(session.clone());
    lock.release("plan-2").await.unwrap();
    assert!(!exists().await);

    let mut all = JoinSet::new();
    for number in 0..8 {
        let lock = DumpLock::new(crate::support::session(server).await);
        all.spawn(async move {
            let owner = format!("plan-{number}");
            for _ in 0..5 {
                lock.acquire(&owner, now()).await.unwrap();
                let DumpLockState::Held(holders) = lock.state().await.unwrap() else {
                    panic!("{owner} holds it")
                };
                assert!(holders.iter().any(|holder| holder.owner == owner));
                lock.release(&owner).await.unwrap();
            }
        });
    }
    all.join_all().await;
    assert!(!exists().await);

    raw.create("/pg_dump_lock", b"foo", &PERSISTENT).await.unwrap();
    let foreign = DumpLockState::Foreign { content: "foo".into() };
    assert_eq!(lock.state().await.unwrap(), foreign);
    assert!(matches!(lock.acquire("plan-1", now()).await, Err(DumpLockError::Foreign { .. })));
    assert!(matches!(lock.release("plan-1").await, Err(DumpLockError::Foreign { .. })));
    assert!(exists().await);
}

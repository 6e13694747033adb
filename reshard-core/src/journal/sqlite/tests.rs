//! Plan files that several processes read and write at once.

use tempfile::TempDir;

use super::*;
use crate::journal::{EntryKind, PhaseState};
use crate::plan::PlanUuid;

fn planned() -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("split.plan");
    SqliteStore::create(&path, &crate::plan::example(PlanUuid::random())).unwrap();
    (directory, path)
}

/// As `reshard pause` and two of `reshard tune` do, each in a process of its own.
#[test]
fn what_several_want_at_once_is_not_lost() {
    const TIMES: u32 = 40;
    let (_directory, path) = planned();
    SqliteStore::open(&path)
        .unwrap()
        .update_controls(&mut |controls| {
            (controls.knobs.router_concurrency, controls.knobs.delete_batch) = (0, 0);
        })
        .unwrap();
    let many = |change: fn(&mut Controls)| {
        let store = SqliteStore::open(&path).unwrap();
        std::thread::spawn(move || {
            for _ in 0..TIMES {
                store.update_controls(&mut |controls| change(controls)).unwrap();
            }
        })
    };
    let threads = [
        many(|controls| controls.knobs.router_concurrency += 1),
        many(|controls| controls.knobs.delete_batch += 1),
        many(|controls| controls.pause = true),
    ];
    for thread in threads {
        thread.join().unwrap();
    }
    let controls = SqliteStore::open(&path).unwrap().controls().unwrap();
    assert!(controls.pause);
    assert_eq!((controls.knobs.router_concurrency, controls.knobs.delete_batch), (TIMES, TIMES));
}

fn executor(token: u64) -> Presence {
    Presence {
        token,
        host: "here".to_owned(),
        pid: 77,
        session: 1,
        since: Timestamp::UNIX_EPOCH,
        heartbeat: Timestamp::UNIX_EPOCH,
        left: None,
    }
}

fn is_overtaken<T>(written: Result<T, StoreError>) -> bool {
    matches!(written, Err(StoreError::Overtaken { by, .. }) if by.token == 6)
}

#[test]
fn an_executor_writes_nothing_once_another_has_claimed_the_plan() {
    let (_directory, path) = planned();
    let open = || SqliteStore::open(&path).unwrap();
    let (first, second, operator) = (open(), open(), open());
    let now = Timestamp::UNIX_EPOCH;
    let entry =
        Entry { at: now, phase: String::new(), kind: EntryKind::Note, text: "here".to_owned() };
    let record = PhaseRecord { state: PhaseState::Begun, began: now, ended: None, attempts: 1 };
    first.claim(&executor(5)).unwrap();
    first.set_state(&PlanState::Running).unwrap();
    second.claim(&executor(6)).unwrap();

    assert!(is_overtaken(first.set_state(&PlanState::Done)));
    assert!(is_overtaken(first.set_phase("drain", &record)));
    assert!(is_overtaken(first.set_fact("round", Some(&1.into()))));
    assert!(is_overtaken(first.set_fact("round", None)));
    assert!(is_overtaken(first.set_activity(None)));
    assert!(is_overtaken(first.append(&entry)));
    assert!(is_overtaken(first.update_controls(&mut |controls| controls.pause = false)));
    assert!(is_overtaken(first.beat(now, false)));
    // Not even with the lock of before, and not with a lock that ZooKeeper began to count anew.
    for token in [1, 5, 6] {
        let late = Presence { session: 2, ..executor(token) };
        assert!(is_overtaken(first.claim(&late)), "{token}");
        assert!(is_overtaken(operator.claim(&late)), "{token}");
    }
    second.claim(&executor(6)).unwrap();
    assert_eq!(second.state().unwrap(), PlanState::Running);
    assert!(second.log_after(0).unwrap().is_empty());

    // Operators claim nothing, and may always say what they want.
    operator.update_controls(&mut |controls| controls.pause = true).unwrap();
    second.append(&entry).unwrap();
}

#[test]
fn a_plan_file_tells_who_executes_it() {
    let (_directory, path) = planned();
    let (store, other) = (SqliteStore::open(&path).unwrap(), SqliteStore::open(&path).unwrap());
    assert_eq!(other.presence().unwrap(), None);
    store.claim(&executor(1)).unwrap();
    assert_eq!(other.presence().unwrap(), Some(executor(1)));
    let later = Timestamp::from_second(60).unwrap();
    store.beat(later, false).unwrap();
    assert_eq!(other.presence().unwrap().unwrap().heartbeat, later);
    // Nobody writes of others that they left.
    other.beat(later, true).unwrap();
    assert_eq!(other.presence().unwrap().unwrap().left, None);
    store.beat(later, true).unwrap();
    assert_eq!(other.presence().unwrap().unwrap().left, Some(later));
}

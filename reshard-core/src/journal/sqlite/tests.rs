//! Plan files that several processes read and write at once.

use tempfile::TempDir;

use super::*;
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

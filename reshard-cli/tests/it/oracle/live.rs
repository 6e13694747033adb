//! A ring is read while node-fash is at work on it.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use fash::{Pnode, RingReader, copy_ring};

use super::Fash;

/// So many that node-fash fills its write buffer, makes tables and merges them while we read.
const VNODES: &str = "30000";
const MOVED: u32 = 1500;

#[test]
fn every_snapshot_of_a_ring_that_node_fash_edits_is_whole() {
    let Some(theirs) = Fash::theirs() else { return };
    let dir = tempfile::tempdir().unwrap();
    let ring = dir.path().join("r");
    theirs.stdout(dir.path(), &["create", "-v", VNODES, "-p", "a,b", "-b", "leveldb", "-l", "r"]);
    let moved: Vec<String> = (0..MOVED).map(|number| (2 * number).to_string()).collect();

    let mut editing = Command::new(&theirs.program)
        .args(["remap-vnode", "-p", "b", "-b", "leveldb", "-l", "r", "-v", &moved.join(",")])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let pnode: Pnode = "b".parse().unwrap();
    let mut seen = BTreeSet::new();
    let mut snapshots = 0;
    let mut last = 0;
    while editing.try_wait().unwrap().is_none() {
        let reader = RingReader::open_live(&ring).unwrap();
        let count = reader.load().unwrap().vnodes_of(&pnode).unwrap().len();
        assert!(count >= last, "the ring went back from {last} to {count}");
        last = count;
        seen.insert(count);
        snapshots += 1;
        // Every vnode once, both indexes in agreement, whatever the other process was just doing. That its last
        // write was not finished is no contradiction.
        let findings = reader.audit().unwrap().findings;
        let lost_writes =
            |finding: &fash::Finding| matches!(finding, fash::Finding::LostWrites { .. });
        assert!(findings.iter().all(lost_writes), "{findings:?}");
        if snapshots % 8 == 0 {
            let copy = dir.path().join(format!("copy{snapshots}"));
            copy_ring(&ring, &copy).unwrap();
            assert!(RingReader::open(&copy).unwrap().audit().unwrap().is_sound());
        }
    }
    assert!(editing.wait().unwrap().success());
    println!("{snapshots} snapshots, {} different", seen.len());
    assert!(seen.len() > 5, "node-fash was too fast to be watched: {seen:?}");
    let whole = RingReader::open(&ring).unwrap().load().unwrap();
    assert_eq!(whole.vnodes_of(&pnode).unwrap().len(), 15_000 + MOVED as usize);
}

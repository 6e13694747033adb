//! The ring of a real deployment, as it was found in 2014: the list of one of its two pnodes is missing.

use std::fs;

use fash::{
    Move, Pnode, RepairMode, RingEditor, RingReader, UnpackOptions, pack, repair_ring, unpack,
};

use super::Fash;
use crate::fixtures::{production_ring, unpack_production_ring};

#[test]
fn the_ring_of_2014_is_repaired_split_and_read_by_node_fash() {
    if production_ring().is_none() {
        println!("skipped: FASH_PRODUCTION_RING is not set");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (ring, image) = (dir.path().join("r"), dir.path().join("image.tgz"));
    unpack_production_ring(&ring);
    let broken: Pnode = "tcp://172.20.1.31:2020".parse().unwrap();
    let third: Pnode = "tcp://172.20.1.32:2020".parse().unwrap();

    let reader = RingReader::open(&ring).unwrap();
    let audit = reader.audit().unwrap();
    assert_eq!(audit.keys, 2_000_007);
    let named = audit.findings.iter().any(|finding| finding.to_string().contains(broken.as_str()));
    assert!(named, "{:?}", audit.findings);
    assert!(reader.lookup(b"yunong").unwrap().pnode == broken);
    drop(reader);

    repair_ring(&ring, RepairMode::Apply).unwrap();
    let mut editor = RingEditor::open(&ring).unwrap();
    let half: Vec<_> = editor.reader().vnodes_of(&broken).unwrap().into_iter().step_by(2).collect();
    // The vnode of the known key stays, so that its answer stays known.
    let half: Vec<_> = half.into_iter().filter(|vnode| vnode.number() != 83_565).collect();
    let moved = half.len();
    editor.remap(&[Move { vnodes: half, to: third.clone() }]).unwrap();
    assert!(editor.reader().audit().unwrap().is_sound());
    drop(editor);

    pack(&ring, &image, None).unwrap();
    fs::remove_dir_all(&ring).unwrap();
    unpack(&image, &ring, &UnpackOptions::default()).unwrap();
    let Some(theirs) = Fash::theirs() else { return };
    let node = theirs.stdout(dir.path(), &["get-node", "-b", "leveldb", "-l", "r", "yunong"]);
    assert_eq!(node, "{ pnode: 'tcp://172.20.1.31:2020', vnode: 83565, data: 1 }\n");
    let list =
        theirs.stdout(dir.path(), &["get-vnodes", "-b", "leveldb", "-l", "r", third.as_str()]);
    assert!(list.contains(&format!("... {} more items", moved - 100)), "{list}");
    // Reading, node-fash rewrote the files.
    assert!(RingReader::open(&ring).unwrap().audit().unwrap().is_sound());
}

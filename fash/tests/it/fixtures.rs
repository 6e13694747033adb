//! Rings that the real node-fash made, and what it read from them.

use std::fs;

use fash::{
    Finding, Notice, RepairMode, Ring, RingEditor, RingReader, StoreError, VnodeData, create_ring,
    repair_ring,
};

use crate::support::{dump, files, fixture, images, pnode, vnodes};

const WHOLE: [&str; 9] = [
    "01-created",
    "02-ro-data",
    "03-remapped",
    "03-remapped.sdc-manta-style",
    "05-pnode-removed",
    "06-sha1",
    "07-md5",
    "08-tables-uncompressed",
    "09-tables-snappy",
];

fn recorded(name: &str, extension: &str) -> String {
    let name = name.trim_end_matches(".sdc-manta-style");
    fs::read_to_string(images().join(format!("{name}.{extension}"))).unwrap()
}

#[test]
fn every_key_is_read_as_node_fash_wrote_it() {
    let damaged = ["04-deserialized", "10-no-VNODE_DATA-v2.0.0", "11-missing-PNODE-key"];
    for name in WHOLE.into_iter().chain(damaged).chain(["13-more-pnodes-than-vnodes"]) {
        let (_directory, ring) = fixture(name);
        assert_eq!(dump(&ring), recorded(name, "dump"), "{name}");
    }
}

#[test]
fn rings_load_as_what_node_fash_printed() {
    for name in WHOLE.into_iter().chain([
        "04-deserialized",
        "10-no-VNODE_DATA-v2.0.0",
        "11-missing-PNODE-key",
    ]) {
        let (_directory, ring) = fixture(name);
        let before = files(&ring);
        let loaded = RingReader::open(&ring).unwrap().load().unwrap();
        let printed = Ring::from_json(recorded(name, "json").as_bytes()).unwrap();
        // node-fash leaves pnodes without vnodes out.
        for vnode in vnodes(0..loaded.vnode_count()) {
            assert_eq!(loaded.node(vnode), printed.node(vnode), "{name}");
        }
        assert_eq!(loaded.vnode_count(), printed.vnode_count(), "{name}");
        assert!(files(&ring) == before, "{name}: reading changed the directory");
    }
}

#[test]
fn whole_rings_are_sound_and_others_are_told_apart() {
    let audit = |name| {
        let (_directory, ring) = fixture(name);
        let audit = RingReader::open(&ring).unwrap().audit().unwrap();
        assert_eq!(audit.keys, recorded(name, "dump").lines().count() as u64, "{name}");
        audit
    };
    for name in WHOLE {
        assert_eq!(audit(name).findings, [], "{name}");
    }
    for (name, finding) in [
        ("04-deserialized", Finding::VnodeDataUntidy),
        ("10-no-VNODE_DATA-v2.0.0", Finding::NoVnodeData),
    ] {
        let audit = audit(name);
        assert!(audit.is_sound(), "{name}");
        assert_eq!(audit.findings, [finding], "{name}");
    }
    for (name, pnode, vnodes) in [
        ("11-missing-PNODE-key", "tcp://2.moray.lab.example.com:2020", 4),
        ("13-more-pnodes-than-vnodes", "tcp://3.moray.lab.example.com:2020", 0),
    ] {
        let audit = audit(name);
        assert!(!audit.is_sound(), "{name}");
        let [Finding::ListUnusable { pnode: found, vnodes: owned, .. }] = &audit.findings[..]
        else {
            panic!("{name}: {:?}", audit.findings);
        };
        assert_eq!((found.as_str(), *owned), (pnode, vnodes), "{name}");
    }
}

#[test]
fn an_incomplete_ring_is_refused_and_a_repair_puts_the_mark_back() {
    let (_directory, ring) = fixture("12-no-COMPLETE");
    let error = RingReader::open(&ring).unwrap_err();
    assert!(matches!(error, StoreError::Incomplete { .. }), "{error}");
    let before = files(&ring);
    let planned = repair_ring(&ring, RepairMode::DryRun).unwrap();
    assert!(files(&ring) == before, "a dry run changes nothing");
    assert_eq!(repair_ring(&ring, RepairMode::Apply).unwrap(), planned);
    let recorded = fs::read_to_string(images().join("12-no-COMPLETE.dump")).unwrap();
    assert_eq!(
        dump(&ring).lines().filter(|l| *l != "COMPLETE\t1").collect::<Vec<_>>(),
        recorded.lines().collect::<Vec<_>>()
    );
    assert!(RingReader::open(&ring).unwrap().audit().unwrap().is_sound());
}

#[test]
fn a_missing_list_is_noticed_worked_around_and_rebuilt() {
    let second = pnode("tcp://2.moray.lab.example.com:2020");
    let (_directory, ring) = fixture("11-missing-PNODE-key");
    let reader = RingReader::open(&ring).unwrap();
    assert_eq!(reader.vnodes_of(&second).unwrap(), vnodes([1, 4, 7, 10]));
    assert_eq!(reader.notices(), [Notice::NoList(second.clone())]);
    reader.load().unwrap();
    assert!(matches!(reader.notices()[..], [_, Notice::ListsDisagree(_)]));

    let mut editor = RingEditor::open(&ring).unwrap();
    let moves = [fash::Move { vnodes: vnodes([0]), to: second.clone() }];
    let error = editor.remap(&moves).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }) && error.is_damage(), "{error}");
    drop(editor);

    repair_ring(&ring, RepairMode::Apply).unwrap();
    assert_eq!(dump(&ring), recorded("01-created", "dump"));
    assert_eq!(repair_ring(&ring, RepairMode::Apply).unwrap().actions, []);
    RingEditor::open(&ring).unwrap().remap(&moves).unwrap();
}

#[test]
fn rings_without_vnode_data_tell_their_data_and_get_it_with_the_first_edit() {
    let (_directory, ring) = fixture("10-no-VNODE_DATA-v2.0.0");
    let reader = RingReader::open(&ring).unwrap();
    assert_eq!(reader.version(), "2.0.0");
    assert_eq!(reader.vnodes_with_data().unwrap(), []);
    assert_eq!(reader.notices(), [Notice::NoVnodeData]);
    let mut editor = RingEditor::open(&ring).unwrap();
    editor.set_data(&vnodes([5, 2]), &VnodeData::read_only()).unwrap();
    assert_eq!(editor.reader().vnodes_with_data().unwrap(), vnodes([5, 2]));
    assert!(dump(&ring).contains("\nVNODE_DATA\t[5,2]\n"));
}

#[test]
fn vnode_data_as_text_is_read_and_tidied_by_the_next_edit() {
    let (_directory, ring) = fixture("04-deserialized");
    let mut editor = RingEditor::open(&ring).unwrap();
    let listed = editor.reader().vnodes_with_data().unwrap();
    assert!(!listed.is_empty());
    editor.set_data(&listed, &VnodeData::NONE).unwrap();
    assert!(dump(&ring).contains("\nVNODE_DATA\t[]\n"));
    assert_eq!(editor.reader().audit().unwrap().findings, []);
}

/// A ring that we make of what node-fash printed has the keys of the one that node-fash made.
#[test]
fn rings_are_written_as_node_fash_writes_them() {
    for name in ["01-created", "06-sha1", "07-md5"] {
        let directory = tempfile::tempdir().unwrap();
        let ring = directory.path().join("ring");
        create_ring(&ring, &Ring::from_json(recorded(name, "json").as_bytes()).unwrap()).unwrap();
        assert_eq!(dump(&ring), recorded(name, "dump"), "{name}");
    }
}

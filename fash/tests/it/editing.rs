//! Random edits of a ring in LevelDB and of the same ring in memory give the same ring, and a sound one.

use fash::{
    Algorithm, EditError, Move, Ring, RingEditor, RingReader, StoreError, VnodeData, create_ring,
};
use proptest::prelude::*;

use crate::support::{dump, pnode, vnodes};

const VNODES: u32 = 24;

#[derive(Clone, Debug)]
enum Edit {
    SetData(Vec<u32>, VnodeData),
    Remap(Vec<(Vec<u32>, &'static str)>),
    RemovePnode(&'static str),
}

fn name() -> impl Strategy<Value = &'static str> {
    // `b/x` and `b!` stand before and behind the keys of `b`.
    prop::sample::select(vec!["a", "b", "b/x", "b!", "tcp://1.moray.x:2020", "é", "7"])
}

fn some_vnodes() -> impl Strategy<Value = Vec<u32>> {
    // Now and then one that does not exist, or one twice.
    prop::collection::vec(0..VNODES + 1, 0..8)
}

fn data() -> impl Strategy<Value = VnodeData> {
    prop_oneof![
        Just(VnodeData::NONE),
        Just(VnodeData::read_only()),
        Just(VnodeData::from_text("1")),
        Just(VnodeData::from_json(serde_json::json!({"a": [1, "é\"", null]}))),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        3 => (some_vnodes(), data()).prop_map(|(vnodes, data)| Edit::SetData(vnodes, data)),
        4 => prop::collection::vec((some_vnodes(), name()), 0..3).prop_map(Edit::Remap),
        1 => name().prop_map(Edit::RemovePnode),
    ]
}

fn apply(
    edit: &Edit,
    editor: &mut RingEditor,
    ring: &mut Ring,
) -> (Result<(), StoreError>, Result<(), EditError>) {
    match edit {
        Edit::SetData(numbers, data) => {
            let vnodes = vnodes(numbers.iter().copied());
            (editor.set_data(&vnodes, data), ring.set_data(&vnodes, data.clone()))
        }
        Edit::Remap(moves) => {
            let moves: Vec<Move> = moves
                .iter()
                .map(|(numbers, to)| Move {
                    vnodes: vnodes(numbers.iter().copied()),
                    to: pnode(to),
                })
                .collect();
            (editor.remap(&moves), ring.remap(&moves))
        }
        Edit::RemovePnode(name) => {
            (editor.remove_pnode(&pnode(name)), ring.remove_pnode(&pnode(name)))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn edits_on_disk_agree_with_edits_in_memory(edits in prop::collection::vec(edit(), 1..20)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ring");
        let mut ring = Ring::create(Algorithm::Sha256, VNODES, ["a", "b", "b/x"].map(pnode)).unwrap();
        create_ring(&path, &ring).unwrap();
        let mut editor = RingEditor::open(&path).unwrap();
        for edit in &edits {
            let before = dump(&path);
            let (on_disk, in_memory) = apply(edit, &mut editor, &mut ring);
            prop_assert_eq!(on_disk.is_ok(), in_memory.is_ok(), "{:?}: {:?} {:?}", edit, on_disk, in_memory);
            if on_disk.is_err() {
                prop_assert_eq!(dump(&path), before, "a refused edit changed the ring");
            }
            prop_assert_eq!(&editor.reader().load().unwrap(), &ring, "{:?}", edit);
            let audit = editor.reader().audit().unwrap();
            prop_assert_eq!(audit.findings, vec![]);
        }
        prop_assert_eq!(editor.reader().notices(), vec![]);
        drop(editor);
        let reader = RingReader::open(&path).unwrap();
        prop_assert_eq!(reader.load().unwrap(), ring.clone());
        prop_assert_eq!(reader.pnodes().unwrap(), ring.pnodes());
        for key in ["", "yunong", "/a/b"] {
            let node = ring.lookup(key.as_bytes()).unwrap();
            let stored = reader.lookup(key.as_bytes()).unwrap();
            prop_assert_eq!((&stored.pnode, stored.vnode, &stored.data), (node.pnode, node.vnode, node.data));
        }
    }
}

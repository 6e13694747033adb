//! The memory backend: topology JSON in, topology JSON out, files never changed.

use std::fs;

use serde_json::json;

use crate::sealed::Sealed;

fn sealed_with_ring() -> Sealed {
    let sealed = Sealed::new();
    sealed.bash("fash create -v 10 -p a,b -o > ring.json").quiet();
    sealed
}

#[test]
fn edits_are_printed_and_the_file_stays() {
    let sealed = sealed_with_ring();
    let before = fs::read(sealed.path().join("ring.json")).unwrap();
    let ring = sealed.fash("add-data -v 3,5 -d ro -b memory -l ring.json -o").json();
    assert_eq!(ring["pnodeToVnodeMap"]["b"], json!({"1": 1, "3": "ro", "5": "ro", "7": 1, "9": 1}));
    let run = sealed.fash("remap-vnode -v 8,2 -p z -b memory -l ring.json");
    assert_eq!((run.status, run.stdout.as_str()), (0, ""));
    assert!(run.stderr.contains("nothing is saved"), "{}", run.stderr);
    assert_eq!(fs::read(sealed.path().join("ring.json")).unwrap(), before);
}

#[test]
fn a_list_with_one_bad_vnode_changes_nothing() {
    let sealed = sealed_with_ring();
    let stderr = sealed.fash("remap-vnode -v 0,99 -p b -b memory -l ring.json -o").refused();
    assert!(
        stderr.starts_with("fash: cannot change the ring: vnode 99 does not exist"),
        "{stderr}"
    );
}

#[test]
fn json_is_json() {
    let sealed = sealed_with_ring();
    sealed.bash("fash remap-vnode -v 0,4 -p z -b memory -l ring.json -o > new.json").quiet();
    for (line, expected) in [
        ("get-pnodes -b memory -l ring.json --json", json!(["a", "b"])),
        ("get-vnodes -b memory -l ring.json --json a", json!([0, 2, 4, 6, 8])),
        (
            "get-node -b memory -l ring.json --json yunong",
            json!({"pnode": "a", "vnode": 0, "data": 1}),
        ),
        ("diff ring.json new.json", json!({"a": {"removed": [0, 4]}, "z": {"added": [0, 4]}})),
    ] {
        assert_eq!(sealed.fash(line).json(), expected, "fash {line}");
    }
    let diff = sealed.fash("diff --json ring.json new.json").json();
    assert_eq!(diff["pnodes_added"], json!(["z"]));
    assert!(sealed.fash("diff --json ring.json ring.json").json().is_object());
    assert_eq!(sealed.fash("diff ring.json ring.json").quiet(), "");
    let run = sealed.fash("remap-vnode -v 8,2 -p z -b memory -l ring.json --json");
    assert_eq!(run.json(), json!({"vnodes": [8, 2], "pnode": "z"}));
    let stats = sealed.fash("stats -b memory -l ring.json --json").json();
    assert_eq!(stats["pnodes"][1]["vnodes"], json!(5));
}

#[test]
fn a_ring_comes_from_standard_input() {
    let sealed = sealed_with_ring();
    let ring = fs::read_to_string(sealed.path().join("ring.json")).unwrap();
    assert_eq!(sealed.fash_with(&ring, "print-hash -b memory").quiet(), ring);
    assert_eq!(sealed.fash_with(&ring, "diff - ring.json").quiet(), "");
}

#[test]
fn keys_can_be_hashed_as_old_nodes_did() {
    let sealed = Sealed::new();
    sealed.bash("fash create -v 1000 -p a -o > ring.json").quiet();
    for (encoding, vnode) in [("utf8", 84), ("latin1", 408)] {
        let line =
            format!("get-node -b memory -l ring.json --json --key-encoding {encoding} /é/日本");
        assert_eq!(sealed.fash(&line).json()["vnode"], json!(vnode), "{encoding}");
    }
}

#[test]
fn statistics_are_a_table() {
    let sealed = Sealed::new();
    sealed
        .bash("fash create -v 3 -p a,bb -o | fash add-data -v 1 -d ro -b memory -o > ring.json")
        .quiet();
    let table = sealed.fash("stats -b memory -l ring.json").quiet();
    let rows: Vec<Vec<&str>> = table.lines().map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["PNODE", "VNODES", "SHARE", "DATA", "READ-ONLY"]);
    assert_eq!(rows[1], ["a", "2", "66.67%", "0", "0"]);
    assert_eq!(rows[2], ["bb", "1", "33.33%", "1", "1"]);
    assert_eq!(rows[3], ["total", "3", "100.00%", "1", "1"]);
    assert!(table.ends_with("\nskew 1.333, hashed with sha256\n"), "{table}");
}

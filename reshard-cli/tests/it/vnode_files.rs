//! Lists of vnodes in files and on standard input.

use std::fmt::Write;

use serde_json::{Map, json};

use crate::sealed::Sealed;

fn sealed_with_ring(vnodes: u32) -> Sealed {
    let sealed = Sealed::new();
    sealed.bash(&format!("fash create -v {vnodes} -p a,b -o > ring.json")).quiet();
    sealed
}

#[test]
fn what_get_vnodes_prints_can_be_read_again() {
    let sealed = sealed_with_ring(300);
    for json in ["", "--json"] {
        let get = format!("get-vnodes -b memory -l ring.json {json} a");
        let list = sealed.fash(&get).quiet();
        let remap = "remap-vnode --vnode-file - -p b -b memory -l ring.json -o";
        let ring = sealed.fash_with(&list, remap).json();
        assert_eq!(ring["pnodeToVnodeMap"]["a"], json!({}));
        assert_eq!(ring["pnodeToVnodeMap"]["b"].as_object().map(Map::len), Some(300));
    }
}

#[test]
fn a_quarter_of_a_million_vnodes_move_in_one_go() {
    let sealed = sealed_with_ring(500_000);
    let mut list = String::new();
    (0..500_000).step_by(2).for_each(|vnode| writeln!(list, "{vnode}").unwrap());
    let path = sealed.write("vnodes", &list);
    let remap =
        format!("remap-vnode --vnode-file {} -p c -b memory -l ring.json -o", path.display());
    let ring = sealed.fash(&remap).json();
    assert_eq!(ring["pnodeToVnodeMap"]["c"].as_object().map(Map::len), Some(250_000));
    assert_eq!(ring["pnodeToVnodeMap"]["a"], json!({}));
}

#[test]
fn a_mistake_in_a_file_names_the_file_and_the_token() {
    let sealed = sealed_with_ring(4);
    sealed.write("vnodes", "[ 0,\n  2,\n  ... 50 more items ]\n");
    let stderr =
        sealed.fash("add-data -d ro --vnode-file vnodes -b memory -l ring.json -o").refused();
    assert!(
        stderr.starts_with("fash: cannot use the vnodes from vnodes: \"...\" is not"),
        "{stderr}"
    );
}

#[test]
fn two_lists_are_refused() {
    let sealed = sealed_with_ring(4);
    let line = "add-data -d ro -v 1 --vnode-file vnodes -b memory -l ring.json";
    assert!(sealed.fash(line).refused().contains("cannot be used with"));
}

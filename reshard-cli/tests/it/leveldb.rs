//! The leveldb backend: rings on disk, edits that happen as a whole or not at all, images.

use std::fs;

use serde_json::json;

use crate::fixtures::hold_lock;
use crate::sealed::Sealed;

fn sealed_with_ring() -> Sealed {
    let sealed = Sealed::new();
    assert_eq!(sealed.fash("create -v 10 -p a,b -b leveldb -l r").quiet(), "");
    sealed
}

#[test]
fn creating_a_large_ring_reports_progress_as_node_fash_does() {
    let sealed = Sealed::new();
    let progress = sealed.fash("create -v 20001 -p a,b -b leveldb -l r").quiet();
    assert_eq!(progress, "working: processed 10000 vnodes\nworking: processed 20000 vnodes\n");
    assert!(sealed.fash("create -v 20001 -p a,b -b leveldb -l r2 -o --json").json().is_object());
    assert!(sealed.fash("create -v 4 -p a -b leveldb -l r").refused().starts_with("fash: "));
}

#[test]
fn edits_print_a_line_a_vnode() {
    let sealed = sealed_with_ring();
    let added = sealed.fash("add-data -v 7,3 -d ro -b leveldb -l r").quiet();
    assert_eq!(added, "{\"7\":\"ro\"}\n{\"3\":\"ro\"}\n");
    assert_eq!(sealed.fash("get-data-vnodes -l r").quiet(), "vnodeArray:  [ 7, 3 ]\n");
    assert_eq!(
        sealed.fash("get-data-vnodes -l r -v").quiet(),
        "vnodeArray:  [ 7, 3 ]\nvnodes:  { '3': { pnode: 'b', vnodeData: 'ro' },\n  '7': { pnode: 'b', vnodeData: 'ro' } }\n"
    );
    assert_eq!(
        sealed.fash("get-data-vnodes -l r -v --json").json(),
        json!({
            "vnodeArray": [7, 3],
            "vnodes": {
                "3": {"pnode": "b", "vnodeData": "ro"},
                "7": {"pnode": "b", "vnodeData": "ro"},
            },
        })
    );
    assert_eq!(sealed.fash("add-data -v 3 -b leveldb -l r").quiet(), "{\"3\":\"1\"}\n");
    let remapped = sealed.fash("remap-vnode -v 8,2 -p b -b leveldb -l r").quiet();
    assert_eq!(remapped, "{\"b\":\"8\"}\n{\"b\":\"2\"}\n");
    let vnodes = sealed.fash("get-vnodes -b leveldb -l r b").quiet();
    assert_eq!(vnodes, "[ 1, 3, 5, 7, 9, 8, 2 ]\n");
    assert_eq!(
        sealed.fash("get-vnode-pnode-and-data -l r -v 2,1 --json").json(),
        json!({"1": {"pnode": "b", "vnodeData": 1}, "2": {"pnode": "b", "vnodeData": 1}})
    );
}

#[test]
fn a_refused_edit_prints_nothing_and_changes_nothing() {
    let sealed = sealed_with_ring();
    let before = sealed.fash("print-hash -b leveldb -l r").quiet();
    for line in [
        "add-data -v 1,99,2 -d ro -b leveldb -l r",
        "remap-vnode -v 1,99 -p a -b leveldb -l r",
        "remap-vnode -v 1,0 -p a -b leveldb -l r",
        "remap-vnode -v 10 -p a -b leveldb -l r",
        "remove-pnode -p a -b leveldb -l r",
        "remove-pnode -p zz -b leveldb -l r",
    ] {
        sealed.fash(line).refused();
    }
    assert_eq!(sealed.fash("print-hash -b leveldb -l r").quiet(), before);
}

#[test]
fn reading_what_is_not_there_leaves_nothing_behind() {
    let sealed = Sealed::new();
    for line in ["get-node -b leveldb -l r k", "audit -l r", "pack r image", "copy r r2"] {
        sealed.fash(line).refused();
    }
    assert_eq!(fs::read_dir(sealed.path()).unwrap().count(), 0);
}

#[test]
fn a_ring_that_a_process_holds_is_read_live_only() {
    let sealed = sealed_with_ring();
    let lock = hold_lock(&sealed.path().join("r"));
    for line in ["get-pnodes -b leveldb -l r", "remap-vnode -v 0 -p b -b leveldb -l r"] {
        let stderr = sealed.fash(line).refused();
        assert!(stderr.contains("r is in use: process "), "{stderr}");
        assert!(stderr.contains("\nhint: ") && stderr.contains("--live"), "{stderr}");
    }
    for live in [
        "get-pnodes -b leveldb -l r --live",
        "get-vnodes -b leveldb -l r --live a",
        "get-vnode-pnode-and-data -l r --live -v 1",
        "get-data-vnodes -l r --live",
        "get-node -b leveldb -l r --live key",
        "print-hash -b leveldb -l r --live",
        "diff -b leveldb --live r r",
        "stats -b leveldb -l r --live",
        "split -b leveldb -l r --live --from a --to c --every 2",
        "audit -l r --live",
        "pack --live r image",
        "copy r copy",
    ] {
        let run = sealed.fash(live);
        assert_eq!(run.status, 0, "fash {live}: {}", run.stderr);
    }
    drop(lock);
    assert_eq!(sealed.fash("diff -b leveldb r copy").quiet(), "");
}

#[test]
fn topology_json_goes_in_and_out() {
    let sealed = sealed_with_ring();
    sealed.bash("fash print-hash -b leveldb -l r | fash deserialize-ring -l r2").quiet();
    assert_eq!(sealed.fash("diff -b leveldb r r2").quiet(), "");
    assert_eq!(
        sealed.fash("print-hash -b leveldb -l r").quiet(),
        sealed.fash("print-hash -b leveldb -l r2 --json").quiet()
    );
}

#[test]
fn a_sound_ring_passes_the_audit_and_a_damaged_one_has_status_2() {
    let sealed = sealed_with_ring();
    let audit = sealed.fash("audit -l r");
    assert_eq!((audit.status, audit.stdout.as_str()), (0, ""));
    assert!(audit.stderr.starts_with("fash: the ring is sound;"), "{}", audit.stderr);
    assert_eq!(sealed.fash("audit -l r --json").json()["findings"], json!([]));

    // 11-missing-PNODE-key lacks the list of a pnode, as the ring of 2014 does.
    let rings = concat!(env!("CARGO_MANIFEST_DIR"), "/../fash/testdata/rings");
    let image = format!("{rings}/11-missing-PNODE-key.tar.gz");
    sealed.bash(&format!("mkdir d && tar -xzf '{image}' -C d --strip-components=1")).quiet();
    let audit = sealed.fash("audit -l d");
    assert_eq!(audit.status, 2, "{}", audit.stderr);
    assert!(!audit.stdout.is_empty());
    let audit = sealed.fash("audit -l d --json");
    assert_eq!((audit.status, audit.stdout.lines().count()), (2, 1));
    let repair = sealed.fash("repair -l d");
    assert_eq!(repair.status, 0, "{}", repair.stderr);
    assert_eq!(sealed.fash("audit -l d").status, 0);
}

#[test]
fn images_go_out_and_in() {
    let sealed = sealed_with_ring();
    let stamp = "--stamp-image-uuid u --stamp-date d --stamp-zone z";
    let packed = sealed.fash(&format!("pack {stamp} r r.tar.gz --json")).json();
    let (sha1, size) = (packed["sha1"].as_str().unwrap(), packed["size"].as_u64().unwrap());
    assert_eq!(fs::metadata(sealed.path().join("r.tar.gz")).unwrap().len(), size);
    let unpacked = sealed.fash(&format!("unpack --sha1 {sha1} --size {size} r.tar.gz r2")).quiet();
    assert_eq!(unpacked, format!("sha1 {sha1}\nsize {size}\n"));
    assert_eq!(sealed.fash("diff -b leveldb r r2").quiet(), "");
    assert!(sealed.path().join("r2/manta_hash_ring_stamp.json").exists());

    let wrong = format!("unpack --sha1 {} r.tar.gz r3", "0".repeat(40));
    sealed.fash(&wrong).refused();
    sealed.fash("unpack --max-bytes 100 r.tar.gz r3").refused();
    assert!(!sealed.path().join("r3").exists());
    assert!(sealed.fash("pack --stamp-date d r x").refused().contains("--stamp-image-uuid"));
    sealed.fash("pack --live r live.tar.gz").quiet();
    sealed.fash("copy r r4").quiet();
    assert_eq!(sealed.fash("diff -b leveldb r r4").quiet(), "");
}

#[test]
fn damaged_rings_are_packed_and_unpacked_only_when_asked_for() {
    let sealed = Sealed::new();
    let fixture =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../fash/testdata/rings/11-missing-PNODE-key.tar.gz");
    let refused = sealed.fash(&format!("unpack {fixture} r")).refused();
    assert!(refused.contains("--allow-damage"), "{refused}");
    assert!(!sealed.path().join("r").exists());
    sealed.fash(&format!("unpack --allow-damage {fixture} r")).quiet();
    assert!(sealed.fash("pack r r.tar.gz").refused().contains("fash repair"));
    assert!(!sealed.path().join("r.tar.gz").exists());
    sealed.fash("pack --allow-damage r r.tar.gz").quiet();
    assert_eq!(sealed.fash("repair -l r").status, 0);
    sealed.fash("pack r repaired.tar.gz").quiet();
}

#[test]
fn rings_that_node_fash_cannot_read_are_never_handed_on_in_silence() {
    let sealed = Sealed::new();
    for line in [
        "create -v 4 -p a,b -a murmur3 -b leveldb -l r",
        "print-hash -b leveldb -l r",
        "add-data -v 1 -d ro -b leveldb -l r",
        "remap-vnode -v 1 -p a -b leveldb -l r",
        "split --from a --to c --every 2 --apply -b leveldb -l r",
        "pack r r.tar.gz",
    ] {
        let run = sealed.fash(line);
        assert_eq!(run.status, 0, "{line}: {}", run.stderr);
        assert!(
            run.stderr.contains("node-fash, and with it electric-moray, cannot read"),
            "{line}"
        );
    }
}

#[test]
fn a_pnode_is_split() {
    let sealed = Sealed::new();
    sealed.fash("create -v 12 -p a -b leveldb -l r").quiet();
    let split = sealed.fash("split -b leveldb -l r --from a --to b --every 2");
    assert_eq!(split.stdout, "0\n2\n4\n6\n8\n10\n");
    assert!(split.stderr.ends_with("fash: skew 1.000\n"), "{}", split.stderr);
    let split = sealed.fash("split -b leveldb -l r --from a --to b,c --first 3");
    assert_eq!(split.stdout, "0\tb\n2\tb\n1\tc\n");

    let weights = "0 100\n1 50\n2 50\n";
    let weighted = "split -b leveldb -l r --from a --to b --weights - --json --apply";
    let plan = sealed.fash_with(weights, weighted).json();
    assert_eq!(plan["stays"]["weight"], json!(100));
    assert_eq!(plan["moves"][0]["to"], json!("b"));
    assert_eq!(plan["moves"][0]["weight"], json!(100));
    assert_eq!(plan["skew"], json!(1.0));
    let moved = sealed.fash("get-vnodes -b leveldb -l r --json b").json();
    assert_eq!(moved, plan["moves"][0]["vnodes"]);

    for (line, why) in [
        ("split -b leveldb -l r --from a --to b", "--every <NUM>"),
        ("split -b leveldb -l r --from a --to b --every 2 --first 3", "cannot be used with"),
        ("split -b leveldb -l r --from zz --to b --every 2", "zz"),
        ("split -b leveldb -l r --from a --to b -v 99", "99"),
        ("split -b memory -l r.json --from a --to b --first 1 --apply", "leveldb backend"),
    ] {
        let stderr = sealed.fash(line).refused();
        assert!(stderr.contains(why), "fash {line}: {stderr}");
    }
}

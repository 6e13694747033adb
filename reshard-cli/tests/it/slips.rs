//! Slips of the hand: names that look like others, weights of another shard, topologies of another age.

use std::fs;

use crate::sealed::{Run, Sealed};

const SHARDS: &str = "tcp://1.moray.a.example:2020,tcp://2.moray.a.example:2020";

fn sealed_with_ring() -> Sealed {
    let sealed = Sealed::new();
    sealed.fash(&format!("create -v 16 -p {SHARDS} -b leveldb -l ring")).quiet();
    sealed
}

fn remap(sealed: &Sealed, vnode: &str, pnode: &str) -> Run {
    sealed.bash(&format!("fash remap-vnode -b leveldb -l ring -v {vnode} -p '{pnode}'"))
}

/// The audit's number of warnings about names, and its exit status.
fn alike(sealed: &Sealed) -> (usize, i32) {
    let run = sealed.fash("audit -l ring");
    let lines = run.stdout.lines().filter(|line| line.starts_with("warning: the pnodes "));
    (lines.count(), run.status)
}

#[test]
fn a_new_pnode_that_looks_like_another_is_noticed_and_audited() {
    let sealed = sealed_with_ring();
    assert_eq!(alike(&sealed), (0, 0));
    for (number, pnode) in [
        "tcp://2.moray.a.example:2020/",
        " tcp://2.moray.a.example:2020",
        "tcp://2.Moray.a.example:2020",
        "2.moray.a.example:2020",
        "tcp://2.moray.a.example:2021",
    ]
    .into_iter()
    .enumerate()
    {
        let run = remap(&sealed, &(2 * number).to_string(), pnode);
        assert_eq!((run.status, run.stdout), (0, format!("{{\"{pnode}\":\"{}\"}}\n", 2 * number)));
        let words =
            format!("{pnode:?} is a new pnode that looks like \"tcp://2.moray.a.example:2020\"");
        assert!(run.stderr.contains(&words), "{}", run.stderr);
        assert_eq!(alike(&sealed), (number + 1, 0), "after {pnode:?}");
    }
    // It is in the ring now.
    assert_eq!(remap(&sealed, "10", "2.moray.a.example:2020").stderr, "");
    assert_eq!(remap(&sealed, "12", "tcp://3.moray.a.example:2020").stderr, "");
    let split = format!(
        "split -b leveldb -l ring --from {} --every 2 --to ",
        "tcp://1.moray.a.example:2020"
    );
    assert!(
        sealed.fash(&format!("{split}tcp://3.MORAY.a.example:2020")).stderr.contains("looks like")
    );
    let create =
        sealed.fash("create -v 4 -p tcp://1.moray.a.example:2020,1.moray.a.example:2020 -o");
    assert!(create.stderr.contains("looks like"), "{}", create.stderr);
}

#[test]
fn weights_that_match_nothing_are_refused() {
    let sealed = sealed_with_ring();
    let testdata = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/weights/other-shard");
    fs::copy(testdata, sealed.path().join("other-shard")).unwrap();
    sealed.write("empty", "");
    sealed.write("of-2", "1 100\n3 100\n");
    let split = |file: &str| {
        let from = "tcp://1.moray.a.example:2020";
        let line = format!("split -b leveldb -l ring --from {from} --to c --weights {file}");
        sealed.fash(&line)
    };
    for (file, cause) in [
        ("empty", "it lists no vnode"),
        (
            "other-shard",
            "it lists 3 vnodes, 1 of them beyond the 16 of the ring (the first is 999)",
        ),
        (
            "of-2",
            "none of the 2 vnodes that it lists is one of the 8 of tcp://1.moray.a.example:2020",
        ),
    ] {
        let stderr = split(file).refused();
        assert!(stderr.contains(&format!("cannot use the weights in {file}: {cause}")), "{stderr}");
    }
    sealed.write("of-1", "0 100\n2 50\n4 50\n1 7\n");
    assert_eq!(split("of-1").status, 0);
}

#[test]
fn a_topology_of_fash_1_is_called_one() {
    let sealed = Sealed::new();
    for name in ["v1.1.json", "v1.2.0.json"] {
        let path = format!("{}/../fash/testdata/topology-1.x/{name}", env!("CARGO_MANIFEST_DIR"));
        let stderr = sealed.fash(&format!("get-pnodes -b memory -l {path}")).refused();
        assert!(stderr.contains("written by fash 1.x"), "{stderr}");
        assert!(!stderr.contains("AlgorithmFields"), "{stderr}");
    }
}

#[test]
fn a_quiet_create_prints_nothing_into_a_pipe() {
    let sealed = Sealed::new();
    let create = "create -v 20001 -p a,b -b leveldb -l";
    let lines = "working: processed 10000 vnodes\nworking: processed 20000 vnodes\n";
    assert_eq!(sealed.fash(&format!("{create} loud")).stdout, lines);
    let run = sealed.fash(&format!("{create} still --quiet"));
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
}

#[test]
fn what_an_image_may_unpack_to_is_limited_and_the_limit_named() {
    let sealed = sealed_with_ring();
    sealed.fash("pack ring ring.tgz");
    for (limit, words) in [
        ("--max-bytes 1000", "unpacks to more than the limit of 1000 bytes"),
        ("--max-entries 1", "has more than the limit of 1 entries"),
    ] {
        let stderr = sealed.fash(&format!("unpack {limit} ring.tgz new")).refused();
        let option = limit.split(' ').next().unwrap();
        assert!(stderr.contains(words) && stderr.contains(option), "{stderr}");
        assert!(!sealed.path().join("new").exists());
    }
    assert_eq!(sealed.fash("unpack ring.tgz new").status, 0);
}

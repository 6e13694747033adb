//! Every key goes where node-fash puts it.

use fash::{KeyEncoding, Pnode, Ring};
use serde::Deserialize;

#[derive(Deserialize)]
struct KnownAnswers {
    rings: Vec<RingOf>,
    vectors: Vec<Vector>,
    latin1_vectors: Vec<Latin1Vector>,
}

#[derive(Deserialize)]
struct RingOf {
    algorithm: String,
    vnodes: u32,
    pnodes_input: Vec<String>,
    vnode_hash_interval: String,
}

#[derive(Deserialize)]
struct Vector {
    ring: usize,
    key: String,
    vnode: u32,
    pnode: String,
}

#[derive(Deserialize)]
struct Latin1Vector {
    algorithm: String,
    vnodes: u32,
    key: String,
    vnode_node0_10_and_4: u32,
    vnode_node6_plus: u32,
}

fn known_answers() -> KnownAnswers {
    serde_json::from_str(include_str!("../../testdata/vectors.json")).unwrap()
}

fn ring(algorithm: &str, vnodes: u32, pnodes: &[String]) -> Ring {
    let pnodes: Vec<Pnode> = pnodes.iter().map(|name| name.parse().unwrap()).collect();
    Ring::create(algorithm.parse().unwrap(), vnodes, pnodes).unwrap()
}

#[test]
fn keys_go_where_node_fash_puts_them() {
    let known = known_answers();
    let rings: Vec<Ring> = known
        .rings
        .iter()
        .map(|of| {
            let ring = ring(&of.algorithm, of.vnodes, &of.pnodes_input);
            let stored = fash::Interval::parse(ring.algorithm(), &of.vnode_hash_interval).unwrap();
            assert_eq!(*ring.interval(), stored);
            ring
        })
        .collect();
    assert_eq!((rings.len(), known.vectors.len()), (37, 703));
    for Vector { ring, key, vnode, pnode } in known.vectors {
        let ring = rings.get(ring).unwrap();
        let node = ring.lookup(&KeyEncoding::default().encode(&key)).unwrap();
        let found = (node.vnode.number(), node.pnode.as_str(), node.data.is_none());
        assert_eq!(found, (vnode, pnode.as_str(), true), "{key:?} in {ring:?}");
    }
}

#[test]
fn keys_beyond_ascii_go_elsewhere_on_old_versions_of_node() {
    let vectors = known_answers().latin1_vectors;
    assert_eq!(vectors.len(), 5);
    for vector in vectors {
        let ring = ring(&vector.algorithm, vector.vnodes, &["a".to_owned()]);
        for (encoding, vnode) in [
            (KeyEncoding::Latin1, vector.vnode_node0_10_and_4),
            (KeyEncoding::Utf8, vector.vnode_node6_plus),
        ] {
            let found = ring.vnode_of(&encoding.encode(&vector.key)).unwrap();
            assert_eq!(found.number(), vnode, "{:?} as {encoding:?}", vector.key);
        }
    }
}

//! Topologies that node-fash wrote, and broken ones.

use super::TopologyError;
use crate::id::Vnode;
use crate::ring::{Ring, test_ring};

const ALGORITHM: &str = r#""algorithm":{"NAME":"sha256","MAX":"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF","VNODE_HASH_INTERVAL":"3fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"}"#;

/// A topology of four vnodes with this `pnodeToVnodeMap`.
fn topology(map: &str) -> String {
    format!(r#"{{"vnodes":4,"pnodeToVnodeMap":{map},{ALGORITHM},"version":"2.1.0"}}"#)
}

fn read(json: &str) -> Result<Ring, TopologyError> {
    Ring::from_json(json.as_bytes())
}

fn written(ring: &Ring) -> String {
    let mut json = Vec::new();
    ring.write_json(&mut json).unwrap();
    String::from_utf8(json).unwrap()
}

fn error(json: &str) -> TopologyError {
    read(json).unwrap_err()
}

#[test]
fn what_node_fash_wrote_is_written_again() {
    for map in [
        r#"{"b":{"1":1,"3":"ro"},"a":{"0":1,"2":1}}"#,
        r#"{"b":{"1":1,"3":"ro"},"a":{"0":0,"2":null}}"#,
        r#"{"a":{"0":1,"1":{"x":[1.5,"é\u001f\"\\"]},"2":1,"3":1},"b":{}}"#,
        r#"{"9":{"1":1},"10":{"0":1},"\"é\\":{"2":1},"01":{"3":1}}"#,
    ] {
        assert_eq!(written(&read(&topology(map)).unwrap()), topology(map));
    }
}

/// The outputs of `create -v 2 -p a,b,c -a md5 -o` and `create -v 8 -p 'b,B,a,10,9,é,Z,ﬁ,😀' -a md5 -o`.
#[test]
fn new_rings_are_written_as_node_fash_writes_them() {
    assert_eq!(
        written(&test_ring(2, "a,b,c")),
        r#"{"vnodes":2,"pnodeToVnodeMap":{"a":{"0":1},"b":{"1":1},"c":{}},"algorithm":{"NAME":"md5","MAX":"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF","VNODE_HASH_INTERVAL":"7fffffffffffffffffffffffffffffff"},"version":"2.1.0"}"#
    );
    assert_eq!(
        written(&test_ring(8, "b,B,a,10,9,é,Z,ﬁ,😀")),
        r#"{"vnodes":8,"pnodeToVnodeMap":{"9":{"1":1},"10":{"0":1},"B":{"2":1},"Z":{"3":1},"a":{"4":1},"b":{"5":1},"é":{"6":1},"😀":{"7":1},"ﬁ":{}},"algorithm":{"NAME":"md5","MAX":"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF","VNODE_HASH_INTERVAL":"1fffffffffffffffffffffffffffffff"},"version":"2.1.0"}"#
    );
}

#[test]
fn a_pnode_that_is_an_array_index_comes_first_even_if_it_was_added_last() {
    let ring = read(&topology(r#"{"b":{"1":1,"3":1},"a":{"0":1},"5":{"2":1}}"#)).unwrap();
    assert!(written(&ring).contains(r#"{"5":{"2":1},"b":{"1":1,"3":1},"a":{"0":1}}"#));
}

#[test]
fn fields_may_be_in_any_order_and_unknown_ones_are_ignored() {
    let map = r#"{"b":{"1":1,"3":"ro"},"a":{"0":1,"2":1}}"#;
    let json = format!(
        r#" {{"version":"1.0.0",{ALGORITHM},"x":[{{}}],"pnodeToVnodeMap":{map},"vnodes":4}} "#
    );
    assert_eq!(written(&read(&json).unwrap()), topology(map));
}

#[test]
fn another_interval_is_kept() {
    let json = topology(r#"{"a":{"0":1,"1":1,"2":1,"3":1}}"#).replace("3fff", "1FFF");
    let ring = read(&json).unwrap();
    assert!(ring.interval().to_string().starts_with("1fff"));
    assert!(ring.canonical().interval().to_string().starts_with("3fff"));
}

#[test]
fn text_that_is_not_json_is_refused_with_its_place() {
    assert!(matches!(error(""), TopologyError::NotJson { line: 1, .. }));
    assert!(matches!(error("{\n  nonsense"), TopologyError::NotJson { line: 2, column: 3, .. }));
    let twice = topology("{}").repeat(2);
    assert!(matches!(error(&twice), TopologyError::NotJson { .. }));
}

#[test]
fn json_that_is_no_topology_is_refused_with_the_field() {
    use std::error::Error;

    let good = topology(r#"{"a":{"0":1,"1":1,"2":1,"3":1}}"#);
    for (json, cause) in [
        ("[1]".to_owned(), "invalid type: sequence, expected a ring topology"),
        (good.replace(r#""vnodes":4,"#, ""), "missing field `vnodes`"),
        (good.replace(r#""vnodes":4,"#, r#""vnodes":"4","#), "invalid type: string \"4\""),
        (good.replace(r#""vnodes":4,"#, r#""vnodes":-4,"#), "invalid value: integer `-4`"),
        (good.replace("MAX", "max"), "missing field `MAX`"),
        (good.replace("VNODE_HASH", "HASH"), "missing field `VNODE_HASH_INTERVAL`"),
        (good.replace(r#","version":"2.1.0""#, ""), "missing field `version`"),
        (good.replace("pnodeToVnodeMap", "p"), "missing field `pnodeToVnodeMap`"),
        (good.replace(r#"{"a":"#, r#"{"b":[],"a":"#), "expected an object with a vnode a field"),
        (good.replace(r#""version""#, r#""vnodes":4,"version""#), "field `vnodes` is given twice"),
    ] {
        let error = error(&json);
        assert!(matches!(error, TopologyError::NotTopology { .. }), "{json}");
        let said = error.source().unwrap().to_string();
        assert!(said.contains(cause), "{said}");
    }
}

#[test]
fn a_topology_of_fash_1_is_called_one() {
    let begins = |json: &str, words: &str| {
        let said = error(json).to_string();
        assert!(said.starts_with(words), "{said}");
    };
    begins(
        include_str!("../../testdata/topology-1.x/v1.1.json"),
        "the topology was written by fash 1.x, which",
    );
    let words = "the topology was written by fash 1.x (version 1.2.0), which";
    begins(include_str!("../../testdata/topology-1.x/v1.2.0.json"), words);
}

#[test]
fn contradictions_are_refused() {
    type E = TopologyError;
    let message = |map: &str| error(&topology(map)).to_string();
    assert_eq!(
        message(r#"{"a":{"0":1,"1":1,"2":1,"4":1}}"#),
        "pnode a has vnode 4, but the topology says that the ring has 4 vnodes"
    );
    assert_eq!(
        message(r#"{"a":{"0":1,"1":1,"2":1,"3":1},"b":{"2":1}}"#),
        "the topology lists vnode 2 twice: with pnode a and with pnode b"
    );
    assert_eq!(
        message(r#"{"a":{"0":1,"1":1,"2":1,"2":1,"3":1}}"#),
        "the topology lists vnode 2 twice: with pnode a and with pnode a"
    );
    assert_eq!(
        message(r#"{"a":{"0":1,"1":1,"2":1},"a":{"3":1}}"#),
        "the topology lists pnode a twice"
    );
    for key in ["x", "01", "+1", "-1", "1.0", "", "4294967296"] {
        let map = format!(r#"{{"a":{{"0":1,"{key}":1,"2":1,"3":1}}}}"#);
        assert!(matches!(error(&topology(&map)), E::VnodeKey { .. }), "{key}");
    }
    let everything = r#"{"0":1,"1":1,"2":1,"3":1}"#;
    assert!(matches!(error(&topology(&format!(r#"{{"":{everything}}}"#))), E::EmptyPnode));
    let collision = format!(r#"{{"x":{everything},"x/3":{{}}}}"#);
    assert!(matches!(error(&topology(&collision)), E::CollidingPnodes(_)));
    let good = topology(&format!(r#"{{"a":{everything}}}"#));
    assert!(matches!(error(&good.replace("sha256", "sha512")), E::Algorithm(_)));
    assert!(matches!(error(&good.replace("sha256", "sha1")), E::Max { .. }));
    assert!(matches!(error(&good.replace("3fff", "xyz")), E::Interval(_)));
    assert!(matches!(error(&good.replace("2.1.0", "2.2.0")), E::Version(_)));
    assert!(matches!(error(&good.replace(r#""vnodes":4"#, r#""vnodes":0"#)), E::NoVnodes));
}

#[test]
fn missing_vnodes_are_counted_without_room_for_all_of_them() {
    let missing = |json: &str| {
        let error = error(json);
        let TopologyError::MissingVnodes { missing, first, vnode_count } = error else {
            panic!("{error}")
        };
        (missing, first, vnode_count)
    };
    let some = topology(r#"{"a":{"0":1,"3":1},"b":{"1":1}}"#);
    assert_eq!(missing(&some), (1, Vnode::new(2), 4));
    let many = some.replace(r#""vnodes":4"#, r#""vnodes":4294967295"#);
    assert_eq!(missing(&many), (4_294_967_292, Vnode::new(2), u32::MAX));
    assert_eq!(missing(&topology("{}")), (4, Vnode::new(0), 4));
}

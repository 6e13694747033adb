//! Cases in which our command differs from node-fash on purpose. `docs/compat.md` tells users the same; a test keeps
//! the two in step.

/// The expectation of some cases instead of what node-fash did.
pub(super) struct Deviation {
    /// Numbers of the cases, as in `testdata/node-fash/cases`.
    pub(super) cases: &'static [u16],
    pub(super) rc: i32,
    pub(super) stdout: Stdout,
    pub(super) ring: Ring,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Stdout {
    AsRecorded,
    /// Some text, for people.
    Anything,
    Exactly(&'static str),
    Version,
    /// The recorded list, which was cut after 100 items, to its end.
    WholeList,
    Lines(usize),
}

pub(super) enum Ring {
    AsRecorded,
    Absent,
    /// As it was recorded for another case.
    AsInCase(u16),
    /// As recorded but for these keys: a value, or none for a key that is not there.
    With(&'static [(&'static str, Option<&'static str>)]),
}

const NOTHING: Stdout = Stdout::Exactly("");

const fn row(cases: &'static [u16], rc: i32, stdout: Stdout, ring: Ring) -> Deviation {
    Deviation { cases, rc, stdout, ring }
}

pub(super) const DEVIATIONS: &[Deviation] = &[
    // -- the command line
    row(&[6], 0, Stdout::Version, Ring::AsRecorded),
    row(&[8], 0, Stdout::Anything, Ring::AsRecorded),
    // A vnode count must be a whole number above zero, a pnode list must name a pnode, a backend must exist.
    row(&[56, 57, 58, 63, 64], 1, NOTHING, Ring::AsRecorded),
    // Tokens of a vnode list that are no numbers.
    row(&[193], 1, NOTHING, Ring::AsRecorded),
    row(&[115, 116], 1, NOTHING, Ring::AsInCase(110)),
    // -- create
    row(&[52, 284], 1, NOTHING, Ring::Absent),
    row(&[45], 0, NOTHING, Ring::With(&[("/PNODE/ﬁ", Some("[]"))])),
    row(&[54], 0, NOTHING, Ring::With(&[("/PNODE/c", Some("[]"))])),
    row(&[285], 0, Stdout::Exactly("[]\n"), Ring::AsRecorded),
    row(&[286], 0, NOTHING, Ring::With(&[("/PNODE", Some(r#"["a","b"]"#)), ("/PNODE/c", None)])),
    // -- deserialize-ring
    row(
        &[68, 69, 78, 79, 80, 90, 91, 92, 94, 95, 96],
        0,
        NOTHING,
        Ring::With(&[("VNODE_DATA", Some("[3]"))]),
    ),
    row(&[98], 0, NOTHING, Ring::With(&[("VNODE_DATA", Some("[3,0,2]"))])),
    row(
        &[75],
        0,
        NOTHING,
        Ring::With(&[
            ("/PNODE/c", Some("[]")),
            (
                "ALGORITHM",
                Some(concat!(
                    r#"{"NAME":"sha256","#,
                    r#""MAX":"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF","#,
                    r#""VNODE_HASH_INTERVAL":"#,
                    r#""3fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"}"#
                )),
            ),
            ("COMPLETE", Some("1")),
            ("VERSION", Some(r#""2.1.0""#)),
            ("VNODE_DATA", Some("[3]")),
        ]),
    ),
    row(&[97], 1, NOTHING, Ring::Absent),
    // -- edits: a list with a bad vnode changes nothing
    row(&[117, 142, 143], 1, NOTHING, Ring::AsInCase(110)),
    row(
        &[118],
        0,
        Stdout::Exactly("{\"1\":\"ro\"}\n"),
        Ring::With(&[("/PNODE/b/1", Some(r#""ro""#)), ("VNODE_DATA", Some("[1]"))]),
    ),
    row(&[119], 0, Stdout::AsRecorded, Ring::With(&[("VNODE_DATA", Some("[3]"))])),
    row(&[120], 0, Stdout::AsRecorded, Ring::With(&[("VNODE_DATA", Some("[]"))])),
    row(
        &[147],
        0,
        Stdout::Exactly("{\"a\":\"1\"}\n"),
        Ring::With(&[
            ("/PNODE/a", Some("[0,2,4,6,8,1]")),
            ("/PNODE/a/1", Some("1")),
            ("/PNODE/b", Some("[3,5,7,9]")),
            ("/PNODE/b/1", None),
            ("/VNODE/1", Some(r#""a""#)),
        ]),
    ),
    row(&[283], 1, NOTHING, Ring::AsRecorded),
    // -- what is printed
    row(&[167, 174, 175, 176, 185, 200], 0, Stdout::WholeList, Ring::AsRecorded),
    row(&[201], 0, Stdout::Exactly("vnodeArray:  [ 3 ]\n"), Ring::AsRecorded),
    row(
        &[202],
        0,
        Stdout::Exactly("vnodeArray:  [ 3 ]\nvnodes:  { '3': { pnode: 'b', vnodeData: 'ro' } }\n"),
        Ring::AsRecorded,
    ),
    row(&[203], 0, Stdout::Exactly("vnodeArray:  []\n"), Ring::AsRecorded),
    row(
        &[231],
        0,
        Stdout::Exactly(concat!(
            r#"{"vnodes":10,"pnodeToVnodeMap":{"a":{"0":1,"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"#,
            r#""7":1,"8":1,"9":1},"b":{}},"algorithm":{"NAME":"sha256","#,
            r#""MAX":"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF","#,
            r#""VNODE_HASH_INTERVAL":"#,
            r#""1999999999999999999999999999999999999999999999999999999999999999"},"#,
            r#""version":"2.1.0"}"#,
            "\n"
        )),
        Ring::AsRecorded,
    ),
    row(&[281], 0, Stdout::Lines(500_000), Ring::AsRecorded),
    row(&[244, 245, 277], 0, NOTHING, Ring::AsRecorded),
];

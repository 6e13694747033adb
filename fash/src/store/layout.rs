//! The keys and values of a ring in LevelDB, as node-fash has them (`lib/backend/leveldb.js` of node-fash 3.0.1).
//!
//! | key | value (JSON) |
//! |---|---|
//! | `VNODE_COUNT` | number of vnodes |
//! | `VNODE_DATA` | array of the vnodes whose data is not `1`; numbers, or strings in rings that node-fash deserialized |
//! | `/VNODE/<vnode>` | string, the pnode that owns the vnode |
//! | `/PNODE` | array of all pnodes |
//! | `/PNODE/<pnode>` | array of numbers, the pnode's vnodes |
//! | `/PNODE/<pnode>/<vnode>` | the vnode's data: `1` for none, or any other value |
//! | `ALGORITHM` | object: `NAME`, `MAX`, `VNODE_HASH_INTERVAL` |
//! | `VERSION` | string |
//! | `COMPLETE` | `1`, written last |

use std::fmt::{self, Write as _};

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use crate::{Pnode, Vnode, VnodeData};

pub(super) const VNODE_COUNT: &str = "VNODE_COUNT";
pub(super) const VNODE_DATA: &str = "VNODE_DATA";
pub(super) const PNODES: &str = "/PNODE";
pub(super) const ALGORITHM: &str = "ALGORITHM";
pub(super) const VERSION: &str = "VERSION";
pub(super) const COMPLETE: &str = "COMPLETE";

/// The beginning of the keys of owners.
pub(super) const VNODE_PREFIX: &str = "/VNODE/";
/// The beginning of the keys of lists and of data.
pub(super) const PNODE_PREFIX: &str = "/PNODE/";

/// The key of a vnode's owner.
pub(super) fn owner_key(vnode: Vnode) -> String {
    format!("{VNODE_PREFIX}{vnode}")
}

/// Sorts vnodes as the digits in their keys sort: 0, 1, 10, 100, 11, …
pub(super) fn key_order(vnode: Vnode) -> (u64, u32) {
    let number = u64::from(vnode.number());
    let digits = number.checked_ilog10().unwrap_or(0) + 1;
    // Left-aligned in ten digits; of two that are then equal the shorter comes first.
    (number * 10_u64.pow(10 - digits), digits)
}

/// The key of a pnode's list of vnodes.
pub(super) fn list_key(pnode: &Pnode) -> String {
    format!("{PNODE_PREFIX}{pnode}")
}

/// The key of a vnode's data.
pub(super) fn data_key(pnode: &Pnode, vnode: Vnode) -> String {
    format!("{PNODE_PREFIX}{pnode}/{vnode}")
}

/// The vnode of an owner's key from behind [`VNODE_PREFIX`], or of a data key from behind its last `/`. Only the
/// spelling that node-fash writes: no sign, no leading zeros.
pub(super) fn vnode_of_digits(digits: &[u8]) -> Option<Vnode> {
    let canonical = match digits {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !canonical {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Splits what stands behind [`PNODE_PREFIX`] in a data key into the pnode and the vnode.
pub(super) fn split_data_key(rest: &[u8]) -> Option<(&[u8], Vnode)> {
    let slash = rest.iter().rposition(|&byte| byte == b'/')?;
    let (pnode, digits) = rest.split_at_checked(slash)?;
    Some((pnode, vnode_of_digits(digits.get(1..)?)?))
}

/// A JSON string.
pub(super) fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A JSON array of vnodes, as numbers.
pub(super) fn json_vnodes(vnodes: impl IntoIterator<Item = Vnode>) -> String {
    let mut json = String::from("[");
    for vnode in vnodes {
        if json.len() > 1 {
            json.push(',');
        }
        // Writing to a string cannot fail.
        write!(json, "{vnode}").ok();
    }
    json.push(']');
    json
}

/// A JSON array of pnodes.
pub(super) fn json_pnodes<'a>(pnodes: impl IntoIterator<Item = &'a Pnode>) -> String {
    let names = pnodes.into_iter().map(|pnode| serde_json::Value::from(pnode.as_str()));
    serde_json::Value::Array(names.collect()).to_string()
}

/// Reads a vnode's data.
pub(super) fn parse_data(json: &[u8]) -> Result<VnodeData, serde_json::Error> {
    // Nearly every vnode has none.
    if json == b"1" {
        Ok(VnodeData::NONE)
    } else {
        serde_json::from_slice(json).map(VnodeData::from_json)
    }
}

/// A list of vnodes as it is stored: numbers, and whether some were written as text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct VnodeList {
    pub(super) vnodes: Vec<Vnode>,
    pub(super) has_text: bool,
}

impl VnodeList {
    /// Reads a JSON array of vnodes.
    pub(super) fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }
}

impl<'de> Deserialize<'de> for VnodeList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = VnodeList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of vnodes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<VnodeList, A::Error> {
        let mut list = VnodeList::default();
        while let Some(Element { vnode, is_text }) = elements.next_element()? {
            list.vnodes.push(vnode);
            list.has_text |= is_text;
        }
        Ok(list)
    }
}

struct Element {
    vnode: Vnode,
    is_text: bool,
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ElementVisitor)
    }
}

struct ElementVisitor;

impl Visitor<'_> for ElementVisitor {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a vnode")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Element, E> {
        let unexpected = de::Unexpected::Unsigned(number);
        let number = u32::try_from(number).map_err(|_| E::invalid_value(unexpected, &self))?;
        Ok(Element { vnode: Vnode::new(number), is_text: false })
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Element, E> {
        vnode_of_digits(text.as_bytes())
            .map(|vnode| Element { vnode, is_text: true })
            .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_with_numbers_and_text_and_written_with_numbers() {
        let list = VnodeList::parse(br#"["3",3,10]"#).unwrap();
        assert_eq!(list, VnodeList { vnodes: [3, 3, 10].map(Vnode::new).into(), has_text: true });
        assert_eq!(json_vnodes(list.vnodes), "[3,3,10]");
        assert_eq!(json_vnodes([]), "[]");
        for bad in
            ["", "{}", "[-1]", "[1.5]", "[4294967296]", r#"["x"]"#, r#"["01"]"#, "[1,", "[1]x"]
        {
            assert!(VnodeList::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn vnodes_sort_as_their_digits_do() {
        let numbers = (0..2000).chain([u32::MAX, u32::MAX - 1, 1 << 31, 1_000_000_000]);
        let mut by_order: Vec<Vnode> = numbers.map(Vnode::new).collect();
        let mut by_text = by_order.clone();
        by_order.sort_by_key(|&vnode| key_order(vnode));
        by_text.sort_by_key(ToString::to_string);
        assert_eq!(by_order, by_text);
    }

    #[test]
    fn data_keys_are_taken_apart_at_the_last_slash() {
        assert_eq!(
            split_data_key(b"tcp://1.x:2020/17"),
            Some((&b"tcp://1.x:2020"[..], Vnode::new(17)))
        );
        assert_eq!(split_data_key(b"tcp://1.x:2020"), None);
        assert_eq!(split_data_key(b"a/017"), None);
        assert_eq!(split_data_key(b"a/"), None);
    }
}

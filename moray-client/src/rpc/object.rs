//! Objects as servers give them.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// An object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// The bucket it is in.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its value.
    ///
    /// electric-moray takes the member `vnode` out of it. Whoever writes such a value to a shard itself, past
    /// electric-moray, makes the column `_vnode` null, and the row belongs to no vnode any longer: see
    /// [`Self::value_for_shard`].
    pub value: Value,
    /// Its number in the bucket: what is in the column `_id`, or in `_idx` for the newer rows of a table with extended
    /// ids, whose `_id` is null. The server does not tell which.
    #[serde(rename = "_id", default, deserialize_with = "integer")]
    pub id: Option<i64>,
    /// Changes with the value: its CRC-32 in eight hexadecimal digits.
    #[serde(rename = "_etag")]
    pub etag: String,
    /// The time of its last write, in milliseconds since 1970.
    #[serde(rename = "_mtime", default, deserialize_with = "integer")]
    pub mtime: Option<i64>,
    /// The oldest transaction that was under way when it was written.
    #[serde(rename = "_txn_snap", default, deserialize_with = "integer")]
    pub txn_snap: Option<i64>,
    /// The number of objects that the search has found in all, if that was asked for.
    #[serde(rename = "_count", default, deserialize_with = "integer")]
    pub count: Option<i64>,
    /// The place at which it was found. Only electric-moray tells, and only for one object, not in searches.
    #[serde(rename = "_node", default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeInfo>,
    /// Whatever else the server tells.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Object {
    /// The value, read as a `T`.
    ///
    /// # Errors
    /// The value is of another shape.
    pub fn value_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.value)
    }

    /// The value as the shard has it: with the `vnode` that electric-moray takes out. `None` if the object does not
    /// tell its vnode, because it was read from a shard itself (then [`Self::value`] has it) or by a search.
    pub fn value_for_shard(&self) -> Option<Value> {
        let mut value = self.value.clone();
        value.as_object_mut()?.insert("vnode".to_owned(), self.node.as_ref()?.vnode.into());
        Some(value)
    }
}

/// The answer to a put.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Put {
    /// The etag that the object has now.
    pub etag: String,
    /// The place at which it was put, which only electric-moray tells.
    #[serde(rename = "_node", default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeInfo>,
    /// Whatever else the server tells.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The place at which electric-moray found an object's key on its ring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// The shard's address, such as `tcp://1.moray.example.com:2020`.
    pub pnode: String,
    /// The vnode.
    pub vnode: u64,
    /// The vnode's data: 1 normally, or the text `ro` if the vnode takes no writes.
    #[serde(default)]
    pub data: Value,
}

impl NodeInfo {
    /// Tells whether the vnode takes no writes.
    pub fn is_read_only(&self) -> bool {
        self.data == "ro"
    }
}

/// A number, or a text of one: PostgreSQL's 64-bit integers come as text from some versions of Moray.
fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Integer {
        Number(i64),
        Text(String),
        Null,
    }
    match Integer::deserialize(deserializer)? {
        Integer::Number(number) => Ok(Some(number)),
        Integer::Text(text) => text.parse().map(Some).map_err(D::Error::custom),
        Integer::Null => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object() -> Value {
        json!({"bucket": "manta", "key": "/k", "value": {"a": 1}, "_id": "9007199254740993",
            "_etag": "00000001", "_mtime": 1_542_750_000_000_i64, "_txn_snap": null, "_count": null,
            "_node": {"pnode": "tcp://1:2020", "vnode": 83565, "data": "ro"}, "new": [1]})
    }

    #[test]
    fn numbers_are_exact_and_unknown_members_kept() {
        let object: Object = serde_json::from_value(object()).unwrap();
        assert_eq!(object.id, Some(9_007_199_254_740_993));
        assert_eq!(object.etag, "00000001");
        assert_eq!(object.mtime, Some(1_542_750_000_000));
        assert_eq!((object.txn_snap, object.count), (None, None));
        assert_eq!(object.other.get("new"), Some(&json!([1])));
        assert!(object.node.as_ref().unwrap().is_read_only());
        assert_eq!(object.value_as::<Map<_, _>>().unwrap().len(), 1);
    }

    #[test]
    fn a_recorded_object_has_its_number() {
        let recorded = include_str!("../../testdata/golden-moray/guard-refusals.txt");
        let answer =
            recorded.lines().find_map(|line| line.strip_prefix("getObject /t/old42 (unchanged)"));
        let (_, document) = answer.unwrap().split_once(" OK ").unwrap();
        let object: Object = serde_json::from_str(document).unwrap();
        assert_eq!((object.key.as_str(), object.id), ("/t/old42", Some(16)));
        // It is written under the name that it has on the wire, and nowhere else.
        assert_eq!(serde_json::to_value(&object).unwrap()["_id"], json!(16));
        assert!(!object.other.contains_key("_id"), "{:?}", object.other);
        // As the server has it for a row that has none.
        let without: Value = serde_json::from_str(document).unwrap();
        let mut without = without.as_object().unwrap().clone();
        without.remove("_id");
        assert_eq!(serde_json::from_value::<Object>(without.into()).unwrap().id, None);
    }

    #[test]
    fn a_value_for_a_shard_has_its_vnode_again() {
        let mut object: Object = serde_json::from_value(object()).unwrap();
        assert_eq!(object.value_for_shard(), Some(json!({"a": 1, "vnode": 83565})));
        object.node = None;
        assert_eq!(object.value_for_shard(), None);
    }

    #[test]
    fn an_etag_that_looks_like_a_number_stays_text() {
        let put: Put = serde_json::from_value(json!({"etag": "00012E10"})).unwrap();
        assert_eq!((put.etag.as_str(), put.node), ("00012E10", None));
        assert!(serde_json::from_value::<Put>(json!({"etag": 12})).is_err());
    }
}

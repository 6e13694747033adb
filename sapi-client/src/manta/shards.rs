//! `INDEX_MORAY_SHARDS`: the list of Manta's shards, as every consumer's template needs it.

use serde_json::{Map, Value};

use crate::attributes::Attributes;
use crate::manta::{MetadataError, MetadataProblem};

/// The name of the metadata that a [`ShardList`] is.
pub const INDEX_MORAY_SHARDS: &str = "INDEX_MORAY_SHARDS";

const NO_HOST: MetadataProblem = MetadataProblem::Type("a list of objects that each have a host");

/// A shard of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard(Attributes);

impl Shard {
    /// A writable shard. The host is a name such as `3.moray.coal.joyent.us`, without a port.
    pub fn new(host: &str) -> Self {
        Self(Attributes::new().with("host", host))
    }

    /// Its host.
    pub fn host(&self) -> &str {
        self.0.text("host").unwrap_or_default()
    }

    /// Tells whether electric-moray refuses writes to it.
    pub fn is_read_only(&self) -> bool {
        // The templates print the value without quotes, so that these texts are booleans in a zone.
        matches!(self.0.get("readOnly"), Some(Value::Bool(true)))
            || self.0.text("readOnly") == Some("true")
    }

    /// Makes it read-only or writable. A writable shard has no member `readOnly` at all.
    pub fn set_read_only(&mut self, read_only: bool) {
        if read_only {
            self.0.insert("readOnly", true);
        } else {
            self.0.remove("readOnly");
        }
    }

    /// All its members but `last`, those that this crate does not know too.
    pub fn members(&self) -> &Attributes {
        &self.0
    }

    fn parse(element: &Value) -> Result<Self, MetadataProblem> {
        let members = element.as_object().ok_or(MetadataProblem::Type("a list of objects"))?;
        if members.get("host").and_then(Value::as_str).is_none() {
            return Err(NO_HOST);
        }
        match members.get("readOnly") {
            None | Some(Value::Bool(_)) => {}
            Some(Value::String(text)) if ["true", "false"].contains(&text.as_str()) => {}
            Some(_) => {
                return Err(MetadataProblem::Type("a list of objects whose readOnly is a boolean"));
            }
        }
        Ok(Self(members.clone().into()))
    }
}

/// The shards that hold Manta's index, in order.
///
/// The last element, and only it, has `"last": true`: the templates in the zones leave out a comma there, and with a
/// wrong one every zone's configuration is broken JSON. So the flag is not a member that one can set: the list puts it where
/// it belongs. Everything else about an element is kept.
///
/// ```
/// use sapi_client::manta::{Shard, ShardList};
/// use serde_json::json;
///
/// let mut shards = ShardList::parse(&json!([{"host": "1.moray.example.com", "last": true, "note": 7}]))?;
/// shards.push(Shard::new("2.moray.example.com"))?;
/// shards.set_read_only("1.moray.example.com", true);
/// assert_eq!(
///     shards.to_value(),
///     json!([{"host": "1.moray.example.com", "note": 7, "readOnly": true}, {"host": "2.moray.example.com", "last": true}]),
/// );
/// # Ok::<(), sapi_client::manta::MetadataProblem>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardList {
    shards: Vec<Shard>,
    /// The place among its members at which each element has `last`, so that an untouched list is written as it was read.
    places: Vec<(String, usize)>,
}

impl ShardList {
    /// Reads the metadata's value.
    ///
    /// # Errors
    ///
    /// [`MetadataProblem`]
    pub fn parse(value: &Value) -> Result<Self, MetadataProblem> {
        let elements = value.as_array().ok_or(MetadataProblem::Type("a list"))?;
        let mut list = Self { shards: Vec::new(), places: Vec::new() };
        for element in elements {
            let mut shard = Shard::parse(element)?;
            if let Some(place) = shard.0.as_map().keys().position(|key| key == "last") {
                list.places.push((shard.host().to_owned(), place));
            }
            shard.0.remove("last");
            list.push(shard)?;
        }
        Ok(list)
    }

    pub(crate) fn of(metadata: &Attributes) -> Result<Self, MetadataError> {
        let problem = |problem| MetadataError { key: INDEX_MORAY_SHARDS, problem };
        let value =
            metadata.get(INDEX_MORAY_SHARDS).ok_or_else(|| problem(MetadataProblem::Missing))?;
        Self::parse(value).map_err(problem)
    }

    /// The shards.
    pub fn iter(&self) -> impl Iterator<Item = &Shard> {
        self.shards.iter()
    }

    /// The number of them.
    pub fn len(&self) -> usize {
        self.shards.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    /// The shard with this host.
    pub fn get(&self, host: &str) -> Option<&Shard> {
        self.shards.iter().find(|shard| shard.host() == host)
    }

    /// Adds a shard at the end.
    ///
    /// # Errors
    ///
    /// [`MetadataProblem`]: it has no host, or there is one of the same.
    pub fn push(&mut self, shard: Shard) -> Result<(), MetadataProblem> {
        if shard.host().is_empty() {
            return Err(NO_HOST);
        }
        if self.get(shard.host()).is_some() {
            return Err(MetadataProblem::Duplicate(shard.host().to_owned()));
        }
        self.shards.push(shard);
        Ok(())
    }

    /// Removes a shard; `None` if there is none of this host.
    pub fn remove(&mut self, host: &str) -> Option<Shard> {
        let place = self.shards.iter().position(|shard| shard.host() == host)?;
        Some(self.shards.remove(place))
    }

    /// Makes a shard read-only or writable; false if there is none of this host.
    pub fn set_read_only(&mut self, host: &str, read_only: bool) -> bool {
        let shard = self.shards.iter_mut().find(|shard| shard.host() == host);
        shard.map(|shard| shard.set_read_only(read_only)).is_some()
    }

    /// The value to be written, with `last` at the last element only.
    pub fn to_value(&self) -> Value {
        let end = self.shards.len().saturating_sub(1);
        let elements = self.shards.iter().enumerate().map(|(i, shard)| {
            let mut members: Map<String, Value> = shard.0.as_map().clone();
            if i == end {
                let place = self
                    .places
                    .iter()
                    .find(|(host, _)| host == shard.host())
                    .map(|(_, place)| *place);
                let place = place.unwrap_or(members.len()).min(members.len());
                members.shift_insert(place, "last".to_owned(), Value::Bool(true));
            }
            Value::Object(members)
        });
        elements.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_wrong_flag_is_put_right_and_the_right_one_stays_where_it_is() {
        let cases = [
            (r#"[{"last":true,"host":"a","x":1}]"#, r#"[{"last":true,"host":"a","x":1}]"#),
            (
                r#"[{"host":"a","last":true},{"host":"b"}]"#,
                r#"[{"host":"a"},{"host":"b","last":true}]"#,
            ),
            (
                r#"[{"host":"a","last":false},{"host":"b","last":"true","y":{}}]"#,
                r#"[{"host":"a"},{"host":"b","last":true,"y":{}}]"#,
            ),
            (
                r#"[{"host":"a","readOnly":"true"},{"host":"b","readOnly":false,"last":true}]"#,
                r#"[{"host":"a","readOnly":"true"},{"host":"b","readOnly":false,"last":true}]"#,
            ),
            ("[]", "[]"),
        ];
        for (read, written) in cases {
            let list = ShardList::parse(&serde_json::from_str(read).unwrap()).unwrap();
            assert_eq!(list.to_value().to_string(), written);
        }
    }

    #[test]
    fn lists_that_no_zone_could_use_are_refused() {
        for bad in [
            json!(null),
            json!("x"),
            json!({}),
            json!(["a"]),
            json!([{}]),
            json!([{"host": 1}]),
            json!([{"host": ""}]),
            json!([{"host": "a", "readOnly": "yes"}]),
            json!([{"host": "a", "readOnly": null}]),
            json!([{"host": "a"}, {"host": "a"}]),
        ] {
            assert!(ShardList::parse(&bad).is_err(), "{bad}");
        }
        let mut list = ShardList::parse(&json!([])).unwrap();
        assert_eq!(list.push(Shard::new("")), Err(NO_HOST));
    }

    proptest! {
        #[test]
        fn last_is_on_the_last_and_nothing_else_is_lost(
            edits in proptest::collection::vec((0u8..4, 0u8..6), 0..30),
        ) {
            let start = json!([{"host": "h0", "a": [1]}, {"host": "h1", "readOnly": true, "last": true}]);
            let mut list = ShardList::parse(&start).unwrap();
            for (edit, host) in edits {
                let host = format!("h{host}");
                match edit {
                    0 => { let known = list.get(&host).is_some(); prop_assert_eq!(list.push(Shard::new(&host)).is_err(), known); }
                    1 => drop(list.remove(&host)),
                    2 => prop_assert_eq!(list.set_read_only(&host, true), list.get(&host).is_some_and(Shard::is_read_only)),
                    _ => { list.set_read_only(&host, false); }
                }
                let value = list.to_value();
                let elements = value.as_array().unwrap();
                for (i, element) in elements.iter().enumerate() {
                    let last = (i + 1 == elements.len()).then_some(&Value::Bool(true));
                    prop_assert_eq!(element.get("last"), last);
                    prop_assert!(element.get("readOnly").is_none_or(|flag| *flag == Value::Bool(true)));
                }
                let again = ShardList::parse(&value).unwrap();
                prop_assert_eq!(again.to_value(), value);
            }
            if let Some(first) = list.get("h0") {
                prop_assert!(first.members().get("a").is_none_or(|a| *a == json!([1])));
            }
        }
    }
}

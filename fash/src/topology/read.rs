//! Reading a topology, a vnode at a time: a ring of a million vnodes is eleven megabytes of JSON.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

use crate::data::VnodeData;
use crate::id::{Pnode, Vnode};
use crate::ring::Ring;

use super::TopologyError;

/// The result of parsing a text.
pub(super) enum Parsed {
    Topology(Topology),
    /// A topology of fash 1.x, with its version if it states one.
    OfFash1(Option<String>),
}

/// The fields of a topology, as they are.
pub(super) struct Topology {
    pub(super) vnodes: u32,
    pub(super) listing: Listing,
    pub(super) algorithm: AlgorithmFields,
    pub(super) version: String,
}

/// The field `algorithm`.
#[derive(serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) struct AlgorithmFields {
    pub(super) name: String,
    pub(super) max: String,
    pub(super) vnode_hash_interval: String,
}

/// The field `pnodeToVnodeMap`, flattened so that a vnode takes four bytes.
#[derive(Default)]
pub(super) struct Listing {
    /// Each pnode with its part of `vnodes`, in order of appearance.
    pub(super) pnodes: Vec<(Pnode, Range<usize>)>,
    pub(super) vnodes: Vec<Vnode>,
    /// Only the vnodes that have data.
    pub(super) data: Vec<(Vnode, VnodeData)>,
    /// The first thing that is wrong though it is JSON of the right shape.
    pub(super) problem: Option<TopologyError>,
}

impl Ring {
    /// Reads a ring from the JSON that node-fash's `print-hash` and `-o` print.
    ///
    /// The pnodes are in the order in which JavaScript lists them: names that are array indices (such as `10`) first
    /// and ascending, the others as they appear. The interval is the one that the topology states. Fields that
    /// node-fash does not know are ignored.
    ///
    /// # Errors
    ///
    /// [`TopologyError`] if the text is not JSON or not a topology, or the topology is of a version that node-fash
    /// refuses, or its parts contradict each other. node-fash is more lenient: it takes a topology in which vnodes
    /// are missing.
    pub fn from_json(json: &[u8]) -> Result<Self, TopologyError> {
        let mut parser = serde_json::Deserializer::from_slice(json);
        let topology = parser.deserialize_map(TopologyVisitor);
        let topology = topology.and_then(|topology| parser.end().map(|()| topology));
        match topology.map_err(refused)? {
            Parsed::Topology(topology) => topology.assemble(),
            Parsed::OfFash1(version) => Err(TopologyError::OfFash1 { version }),
        }
    }
}

fn refused(error: serde_json::Error) -> TopologyError {
    match error.classify() {
        Category::Data => TopologyError::NotTopology { error },
        Category::Io | Category::Syntax | Category::Eof => {
            TopologyError::NotJson { line: error.line(), column: error.column(), error }
        }
    }
}

struct TopologyVisitor;

impl<'de> Visitor<'de> for TopologyVisitor {
    type Value = Parsed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a ring topology")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parsed, A::Error> {
        let (mut vnodes, mut listing, mut algorithm, mut version) = (None, None, None, None);
        while let Some(field) = map.next_key::<String>()? {
            let first_time = match field.as_str() {
                "vnodes" => vnodes.replace(map.next_value()?).is_none(),
                "pnodeToVnodeMap" => listing.replace(map.next_value_seed(PnodesVisitor)?).is_none(),
                "algorithm" => algorithm.replace(map.next_value::<Value>()?).is_none(),
                "version" => version.replace(map.next_value()?).is_none(),
                _ => map.next_value::<IgnoredAny>().map(|_| true)?,
            };
            if !first_time {
                return Err(A::Error::custom(format_args!("field `{field}` is given twice")));
            }
        }
        if algorithm.as_ref().is_some_and(is_of_fash_1) {
            return Ok(Parsed::OfFash1(version));
        }
        let algorithm = algorithm.ok_or_else(|| A::Error::missing_field("algorithm"))?;
        Ok(Parsed::Topology(Topology {
            vnodes: vnodes.ok_or_else(|| A::Error::missing_field("vnodes"))?,
            listing: listing.ok_or_else(|| A::Error::missing_field("pnodeToVnodeMap"))?,
            algorithm: serde_json::from_value(algorithm).map_err(A::Error::custom)?,
            version: version.ok_or_else(|| A::Error::missing_field("version"))?,
        }))
    }
}

/// Tells whether the field `algorithm` is as fash 1.x writes it: the name alone, or an object with other members.
fn is_of_fash_1(algorithm: &Value) -> bool {
    algorithm.is_string() || algorithm.get("algorithm").is_some_and(Value::is_string)
}

struct PnodesVisitor;

impl<'de> DeserializeSeed<'de> for PnodesVisitor {
    type Value = Listing;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Listing, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PnodesVisitor {
    type Value = Listing;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a pnode a field")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Listing, A::Error> {
        let mut listing = Listing::default();
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            let Ok(pnode) = name.parse::<Pnode>() else {
                map.next_value::<IgnoredAny>()?;
                listing.problem.get_or_insert(TopologyError::EmptyPnode);
                continue;
            };
            if !seen.insert(pnode.clone()) {
                let pnode = pnode.clone();
                listing.problem.get_or_insert(TopologyError::DuplicatePnode { pnode });
            }
            let start = listing.vnodes.len();
            map.next_value_seed(VnodesVisitor { pnode: &pnode, listing: &mut listing })?;
            listing.pnodes.push((pnode, start..listing.vnodes.len()));
        }
        Ok(listing)
    }
}

/// Reads the vnodes of one pnode.
struct VnodesVisitor<'a> {
    pnode: &'a Pnode,
    listing: &'a mut Listing,
}

impl<'de> DeserializeSeed<'de> for VnodesVisitor<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for VnodesVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a vnode a field")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(VnodeKey)? {
            let data = VnodeData::from_json(map.next_value::<Value>()?);
            match key {
                Ok(vnode) => {
                    self.listing.vnodes.push(vnode);
                    if !data.is_none() {
                        self.listing.push_data(vnode, data);
                    }
                }
                Err(key) => {
                    let pnode = self.pnode.clone();
                    self.listing.problem.get_or_insert(TopologyError::VnodeKey { pnode, key });
                }
            }
        }
        Ok(())
    }
}

impl Listing {
    /// Shares the value with the vnode before, as runs of `"ro"` are what data is in practice.
    fn push_data(&mut self, vnode: Vnode, data: VnodeData) {
        let data = match self.data.last() {
            Some((_, last)) if *last == data => last.clone(),
            Some(_) | None => data,
        };
        self.data.push((vnode, data));
    }
}

/// Reads a vnode without keeping its text; or the text, if it is not a number as JavaScript prints it.
struct VnodeKey;

impl<'de> DeserializeSeed<'de> for VnodeKey {
    type Value = Result<Vnode, String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for VnodeKey {
    type Value = Result<Vnode, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a vnode")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let canonical = key == "0" || key.starts_with(|first| matches!(first, '1'..='9'));
        let vnode = key.parse::<Vnode>().ok().filter(|_| canonical);
        Ok(vnode.ok_or_else(|| key.to_owned()))
    }
}

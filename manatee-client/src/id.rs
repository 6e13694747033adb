//! Names of shards, peers and zones.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a shard, e.g. `9.moray.lab.example.net` or `sdc`: the last part of its path in ZooKeeper.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ShardName(String);

impl TryFrom<String> for ShardName {
    type Error = BadShardName;

    fn try_from(text: String) -> Result<Self, BadShardName> {
        text.parse()
    }
}

impl From<ShardName> for String {
    fn from(name: ShardName) -> Self {
        name.0
    }
}

impl ShardName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ShardName {
    type Err = BadShardName;

    fn from_str(text: &str) -> Result<Self, BadShardName> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if text.is_empty() || matches!(text, "." | "..") || !text.chars().all(plain) {
            return Err(BadShardName(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ShardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text cannot be the name of a shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a shard's name; one looks like 9.moray.lab.example.net: letters, digits, dots, dashes and \
     underscores, without the leading /manatee/"
)]
pub struct BadShardName(String);

/// The identity of a peer for the sitters: `<ip>:<PostgreSQL port>:<backup port>`.
///
/// Sitters compare ids as text and sort them as text, so `10.0.0.10:…` comes before `10.0.0.9:…`. Any text is accepted,
/// because they accept any.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PeerId(String);

impl PeerId {
    /// The id that a sitter with this address and these ports has.
    pub fn new(ip: &str, postgres_port: u16, backup_port: u16) -> Self {
        Self(format!("{ip}:{postgres_port}:{backup_port}"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for PeerId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The UUID of a peer's zone: its identity for manatee-adm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ZoneId(String);

impl ZoneId {
    /// The UUID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight characters, as tables and messages show a peer.
    pub fn label(&self) -> &str {
        let end = self.0.char_indices().nth(8).map_or(self.0.len(), |(at, _)| at);
        self.0.get(..end).unwrap_or(&self.0)
    }
}

impl From<&str> for ZoneId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for ZoneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_names_stay_below_their_directory() {
        for name in ["9.moray.lab.example.net", "sdc", "1.buckets-mdapi.x"] {
            assert_eq!(name.parse::<ShardName>().unwrap().to_string(), name);
        }
        for name in ["", ".", "..", "a/b", "/manatee/sdc", "a b", "a\0"] {
            assert!(name.parse::<ShardName>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn ids_sort_as_text() {
        assert!(PeerId::new("10.0.0.10", 5432, 12345) < PeerId::new("10.0.0.9", 5432, 12345));
    }

    #[test]
    fn a_label_is_eight_characters() {
        assert_eq!(ZoneId::from("aa10c0de-0001-4000").label(), "aa10c0de");
        assert_eq!(ZoneId::from("aé").label(), "aé");
    }
}

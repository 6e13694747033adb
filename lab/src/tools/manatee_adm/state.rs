//! The cluster state of a shard, as this tool needs it to be.

use serde::Deserialize;
use serde_json::Value;

/// A peer as the state names it. A state whose peers lack any of this makes the tool fail.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Peer {
    pub(super) id: String,
    pub(super) ip: String,
    pub(super) pg_url: String,
    pub(super) zone_id: String,
    #[serde(rename = "backupUrl")]
    pub(super) _backup_url: String,
}

impl Peer {
    /// The beginning of the zone's UUID, by which messages name a peer.
    pub(super) fn label(&self) -> &str {
        self.zone_id.get(..8).unwrap_or(&self.zone_id)
    }
}

/// The role of a peer, as the state gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Primary,
    Sync,
    Async,
    Deposed,
}

impl Role {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Sync => "sync",
            Self::Async => "async",
            Self::Deposed => "deposed",
        }
    }
}

/// `/manatee/SHARD/state`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    pub(super) generation: Value,
    pub(super) primary: Peer,
    pub(super) sync: Option<Peer>,
    #[serde(rename = "async")]
    pub(super) asyncs: Vec<Peer>,
    #[serde(default)]
    pub(super) deposed: Vec<Peer>,
    #[serde(default)]
    pub(super) init_wal: Value,
    #[serde(default)]
    pub(super) freeze: Value,
    #[serde(default)]
    pub(super) one_node_write_mode: bool,
}

impl State {
    /// Reads it. Multi-peer clusters have a sync.
    pub(super) fn parse(value: &Value) -> Result<Self, String> {
        let state = Self::deserialize(value).map_err(|error| error.to_string())?;
        match state.sync {
            None if !state.one_node_write_mode => Err("there is no sync".to_owned()),
            _ => Ok(state),
        }
    }

    /// The peers in the order of the tables: the chain of replication, then the deposed.
    pub(super) fn peers(&self) -> impl Iterator<Item = (Role, &Peer)> {
        let sync = self.sync.iter().map(|peer| (Role::Sync, peer));
        let asyncs = self.asyncs.iter().map(|peer| (Role::Async, peer));
        let deposed = self.deposed.iter().map(|peer| (Role::Deposed, peer));
        std::iter::once((Role::Primary, &self.primary)).chain(sync).chain(asyncs).chain(deposed)
    }

    /// Since when, and why: unless it is not frozen.
    pub(super) fn frozen(&self) -> Option<(String, String)> {
        frozen(&self.freeze)
    }
}

/// Tells whether a value of `freeze` freezes, and what it says of it. Anything true does.
pub(super) fn frozen(freeze: &Value) -> Option<(String, String)> {
    let is_false = match freeze {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(_) | Value::Object(_) => false,
    };
    let member = |name: &str| freeze.get(name).map_or_else(|| "undefined".to_owned(), text);
    if is_false {
        None
    } else if freeze.is_boolean() {
        Some(("unknown".to_owned(), "unknown".to_owned()))
    } else {
        Some((member("date"), member("reason")))
    }
}

/// A value as JavaScript joins it to a text.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_is_true_freezes() {
        let unknown = ("unknown".to_owned(), "unknown".to_owned());
        let undefined = ("undefined".to_owned(), "undefined".to_owned());
        for no in [json!(null), json!(false), json!(0), json!("")] {
            assert_eq!(frozen(&no), None);
        }
        assert_eq!(frozen(&json!(true)), Some(unknown));
        assert_eq!(frozen(&json!({})), Some(undefined.clone()));
        assert_eq!(frozen(&json!([])), Some(undefined));
        let normal = json!({"date": "d", "reason": "r"});
        assert_eq!(frozen(&normal), Some(("d".to_owned(), "r".to_owned())));
    }

    #[test]
    fn a_cluster_of_several_needs_a_sync() {
        let peer = json!({"id": "i", "ip": "i", "pgUrl": "u", "zoneId": "z", "backupUrl": "b"});
        let mut state =
            json!({"generation": 1, "primary": peer, "sync": null, "async": [], "initWal": "0/0"});
        assert!(State::parse(&state).is_err());
        state["oneNodeWriteMode"] = json!(true);
        assert!(State::parse(&state).is_ok());
        state["primary"].as_object_mut().unwrap().remove("backupUrl");
        assert!(State::parse(&state).is_err());
    }
}

//! The cluster state of a shard as it is in ZooKeeper, and what a sitter takes for one.

#[cfg(test)]
mod tests;

use std::net::SocketAddrV4;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

/// The WAL position of a cluster that has none yet.
pub(crate) const INITIAL_WAL: &str = "0/00000000";

/// One server of a shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Peer {
    pub(crate) id: String,
    pub(crate) zone_id: String,
    pub(crate) ip: String,
    pub(crate) pg_url: String,
    /// The state is valid without it, but no sitter can work with such a peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backup_url: Option<String>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl Peer {
    pub(crate) fn new(zone_id: String, ip: &str, postgres_port: u16, backup_port: u16) -> Self {
        Self {
            id: format!("{ip}:{postgres_port}:{backup_port}"),
            zone_id,
            ip: ip.to_owned(),
            pg_url: format!("tcp://postgres@{ip}:{postgres_port}/postgres"),
            backup_url: Some(format!("http://{ip}:{backup_port}")),
            extra: Map::new(),
        }
    }

    /// The address at which its PostgreSQL listens.
    pub(crate) fn postgres(&self) -> Option<SocketAddrV4> {
        let address = self.pg_url.strip_prefix("tcp://")?;
        let address = address.split_once('@').map_or(address, |(_, address)| address);
        address.split_once('/').map_or(address, |(address, _)| address).parse().ok()
    }

    /// The data that a sitter puts into its election node: everything but the id, which is in the node's name.
    pub(crate) fn election_data(&self) -> Value {
        serde_json::json!({
            "zoneId": self.zone_id,
            "ip": self.ip,
            "pgUrl": self.pg_url,
            "backupUrl": self.backup_url,
        })
    }

    /// The peer of an election node.
    pub(crate) fn of_election(id: &str, data: &[u8]) -> Result<Self, serde_json::Error> {
        let mut fields: Map<String, Value> = serde_json::from_slice(data)?;
        fields.insert("id".to_owned(), Value::from(id));
        serde_json::from_value(Value::Object(fields))
    }
}

/// The state of a shard: the peers and their parts in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClusterState {
    #[serde(serialize_with = "whole_if_it_is")]
    pub(crate) generation: f64,
    pub(crate) primary: Peer,
    pub(crate) sync: Option<Peer>,
    #[serde(rename = "async")]
    pub(crate) asyncs: Vec<Peer>,
    #[serde(default)]
    pub(crate) deposed: Vec<Peer>,
    pub(crate) init_wal: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) freeze: Option<Value>,
    #[serde(
        default,
        deserialize_with = "present",
        rename = "oneNodeWriteMode",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) one_node_write_mode: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) promote: Option<Value>,
    /// Fields that nobody knows. They stay only where a state is not recreated.
    #[serde(flatten)]
    pub(crate) extra: Map<String, Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn whole_if_it_is<S: serde::Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    let whole = format!("{number:.0}").parse::<i64>();
    match whole {
        Ok(whole) if number.fract() == 0.0 => serializer.serialize_i64(whole),
        Ok(_) | Err(_) => serializer.serialize_f64(*number),
    }
}

/// `null` is no boolean, while no field is fine.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    bool::deserialize(deserializer).map(Some)
}

/// A cluster state that no sitter survives.
#[derive(Debug, Error)]
pub(crate) enum InvalidState {
    #[error("the cluster state is malformed: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("\"sync\" may not be null outside of one-node-write mode")]
    NoSync,
    #[error("\"initWal\" is no WAL position: {0:?}")]
    InitWal(String),
    #[error("\"freeze\" is neither a boolean nor an object: {0}")]
    Freeze(Value),
    #[error("a \"promote\" request cannot be judged: {0}")]
    Promote(&'static str),
}

impl ClusterState {
    /// Judges a state as the sitters' validator does.
    pub(crate) fn parse(value: &Value) -> Result<Self, InvalidState> {
        let state = Self::deserialize(value)?;
        state.check()?;
        Ok(state)
    }

    /// Judges a state that is to be written.
    pub(crate) fn check(&self) -> Result<(), InvalidState> {
        if self.sync.is_none() && !self.is_singleton() {
            return Err(InvalidState::NoSync);
        }
        if Lsn::parse(&self.init_wal).is_none() {
            return Err(InvalidState::InitWal(self.init_wal.clone()));
        }
        match &self.freeze {
            Some(freeze @ (Value::String(_) | Value::Number(_))) => {
                Err(InvalidState::Freeze(freeze.clone()))
            }
            Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => {
                Ok(())
            }
        }
    }

    /// Tells whether nobody may take over.
    pub(crate) fn is_frozen(&self) -> bool {
        matches!(self.freeze, Some(Value::Bool(true) | Value::Array(_) | Value::Object(_)))
    }

    /// Tells whether the shard is one server that commits alone.
    pub(crate) fn is_singleton(&self) -> bool {
        self.one_node_write_mode == Some(true)
    }

    /// The place of a peer among the asyncs.
    pub(crate) fn which_async(&self, id: &str) -> Option<usize> {
        self.asyncs.iter().position(|peer| peer.id == id)
    }

    /// Whom an async streams from: the async before it, or the sync.
    pub(crate) fn upstream(&self, which: usize) -> Option<&Peer> {
        match which.checked_sub(1) {
            Some(before) => self.asyncs.get(before),
            None => self.sync.as_ref(),
        }
    }

    /// The promotion that is asked for in `promote`. `None`: nothing. An invalid request is `Some(Err(..))`.
    ///
    /// # Errors
    /// Three kinds of requests make the validator itself fail, and with it every sitter.
    pub(crate) fn promotion(
        &self,
        now: Timestamp,
    ) -> Result<Option<Result<Promotion, &'static str>>, InvalidState> {
        let request = match &self.promote {
            None | Some(Value::Null | Value::Bool(false)) => return Ok(None),
            Some(Value::Array(_)) => return Err(InvalidState::Promote("it is a list")),
            Some(request) => request,
        };
        let Ok(request) = Request::deserialize(request) else {
            return Ok(Some(Err("it is malformed")));
        };
        let expires: Option<Timestamp> = request.expire_time.parse().ok();
        #[expect(clippy::float_cmp, reason = "generations are counted, not measured")]
        if request.generation != self.generation {
            return Ok(Some(Err("it is for another generation")));
        }
        if expires.is_none_or(|expires| expires <= now) {
            return Ok(Some(Err("it has expired")));
        }
        let at = |peer: Option<&Peer>| peer.is_some_and(|peer| peer.id == request.id);
        let verdict = match (request.role.as_str(), request.async_index) {
            ("sync", _) => match &self.sync {
                None => return Err(InvalidState::Promote("there is no sync")),
                Some(sync) if at(Some(sync)) => Ok(Promotion::Sync),
                Some(_) => Err("that peer is not the sync"),
            },
            ("async", Some(Value::Null)) => {
                return Err(InvalidState::Promote("asyncIndex is null"));
            }
            ("async", Some(index)) => {
                let index = index.as_u64().and_then(|index| usize::try_from(index).ok());
                match index {
                    Some(index) if at(self.asyncs.get(index)) => Ok(Promotion::Async(index)),
                    Some(_) | None => Err("that peer is not that async"),
                }
            }
            ("async", None) => Err("it does not say which async"),
            _ => Err("there is no such role"),
        };
        Ok(Some(verdict))
    }
}

/// The peer that is to move one step up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promotion {
    /// The sync becomes primary.
    Sync,
    /// This async takes the place of whoever is before it.
    Async(usize),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    id: String,
    role: String,
    #[serde(default, deserialize_with = "any")]
    async_index: Option<Value>,
    generation: f64,
    expire_time: String,
}

fn any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A position in the WAL, to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lsn(u64, u64);

impl Lsn {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (high, low) = text.split_once('/')?;
        let half = |text| u64::from_str_radix(text, 16).ok();
        Some(Self(half(high)?, half(low)?))
    }
}

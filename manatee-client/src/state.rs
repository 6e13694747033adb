//! The cluster state document, `/manatee/<shard>/state`.

mod promote;
mod validate;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Number, Value};

pub use self::promote::{Promote, PromoteVerdict, promote_verdict};
pub use self::validate::{Problem, Severity, state_problems};
use crate::freeze_mark::Freeze;
use crate::id::{PeerId, ZoneId};
use crate::lsn::Lsn;
use crate::peer::Peer;

/// The state that a shard's sitters agree on: who is primary, sync and async since which generation.
///
/// Read with [`ClusterState::from_json`], which accepts exactly what the sitters accept. Members not known here are kept and
/// written again, as manatee-adm does; the sitters themselves drop unknown top-level members at their next write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterState {
    /// Counts the changes of primary or sync.
    pub generation: Generation,
    /// Takes the writes.
    pub primary: Peer,
    /// Confirms every write. Only a shard in one-node-write mode has none.
    pub sync: Option<Peer>,
    /// The rest of the replication chain, in order: the first streams from the sync.
    #[serde(rename = "async")]
    pub asyncs: Vec<Peer>,
    /// Former primaries that may have diverged; they run no PostgreSQL until rebuilt.
    #[serde(default)]
    pub deposed: Vec<Peer>,
    /// The primary's WAL position when the generation began: a sync that has not replayed it must not take over.
    pub init_wal: InitWal,
    /// Set while takeovers are forbidden.
    #[serde(default, deserialize_with = "truthy", skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Freeze>,
    /// One peer alone, writable without a sync.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_node_write_mode: bool,
    /// An operator's wish to promote a peer, see [`crate::promote_verdict`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote: Option<Value>,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// `false` and `null` are no freeze.
fn truthy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Freeze>, D::Error> {
    Ok(Freeze::from_value(Value::deserialize(deserializer)?))
}

impl ClusterState {
    /// Reads a document as the sitters do.
    ///
    /// # Errors
    ///
    /// [`StateError::Json`] if it is not JSON, [`StateError::Invalid`] if the sitters' validator refuses it (each of them
    /// dies on such a document).
    pub fn from_json(bytes: &[u8]) -> Result<Self, StateError> {
        Self::from_value(serde_json::from_slice(bytes).map_err(StateError::Json)?)
    }

    /// As [`ClusterState::from_json`], from parsed JSON.
    ///
    /// # Errors
    ///
    /// [`StateError::Invalid`] if the sitters' validator refuses it.
    pub fn from_value(document: Value) -> Result<Self, StateError> {
        let mut problems = state_problems(&document);
        problems.retain(|problem| problem.severity == Severity::Fatal);
        if !problems.is_empty() {
            return Err(StateError::Invalid { problems });
        }
        serde_json::from_value(document).map_err(StateError::Json)
    }

    /// The document as it is written: no spaces, `sync` and `deposed` always there.
    ///
    /// # Errors
    ///
    /// [`StateError::Unsafe`] with every reason: why a sitter could die of it, or why it cannot be meant. Nothing else in this crate makes the bytes of a
    /// state, so none is written unchecked.
    pub fn to_checked_json(&self) -> Result<Vec<u8>, StateError> {
        let document = serde_json::to_value(self).map_err(StateError::Json)?;
        let problems = state_problems(&document);
        if !problems.is_empty() {
            return Err(StateError::Unsafe { problems });
        }
        serde_json::to_vec(&document).map_err(StateError::Json)
    }

    /// The peers that replicate, in the order of the chain: primary, sync, asyncs.
    pub fn chain(&self) -> impl Iterator<Item = &Peer> + Clone {
        std::iter::once(&self.primary).chain(self.sync.as_ref()).chain(&self.asyncs)
    }

    /// Every peer with its role: the chain, then the deposed.
    pub fn peers(&self) -> impl Iterator<Item = (Role, &Peer)> + Clone {
        let roles = std::iter::once(Role::Primary)
            .chain(self.sync.as_ref().map(|_| Role::Sync))
            .chain(std::iter::repeat_n(Role::Async, self.asyncs.len()));
        roles.zip(self.chain()).chain(self.deposed.iter().map(|peer| (Role::Deposed, peer)))
    }

    /// The role that a sitter with this id takes.
    pub fn role_of(&self, id: &PeerId) -> Option<Role> {
        self.peers().find(|(_, peer)| peer.id == *id).map(|(role, _)| role)
    }

    /// The peer in this zone.
    pub fn peer_in_zone(&self, zone: &ZoneId) -> Option<(Role, &Peer)> {
        self.peers().find(|(_, peer)| peer.zone_id == *zone)
    }

    /// The peer that streams from this one: the next in the chain.
    pub fn downstream_of(&self, id: &PeerId) -> Option<&Peer> {
        self.chain().skip_while(|peer| peer.id != *id).nth(1)
    }

    /// Tells whether takeovers are forbidden. Asyncs come and go even then.
    pub fn is_frozen(&self) -> bool {
        self.freeze.is_some()
    }
}

/// The role of a peer in its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes the writes.
    Primary,
    /// Confirms the primary's writes.
    Sync,
    /// Follows in the chain.
    Async,
    /// A former primary that is out until rebuilt.
    Deposed,
}

impl Role {
    /// `primary`, `sync`, `async` or `deposed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Sync => "sync",
            Self::Async => "async",
            Self::Deposed => "deposed",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The number of a generation. Writers count 1, 2, 3 …; readers accept any number, and so does this type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(Number);

impl Generation {
    /// The generation with this number.
    pub fn new(number: u32) -> Self {
        Self(number.into())
    }

    /// The number if it is one that a writer counts: 0, 1, 2 … (0 comes from state-backfill only).
    pub fn count(&self) -> Option<u32> {
        u32::try_from(self.0.as_u64()?).ok()
    }

    /// The number as JavaScript sees it.
    pub fn as_f64(&self) -> f64 {
        self.0.as_f64().unwrap_or(f64::NAN)
    }

    /// The following one, unless this one is none that writers count.
    pub fn next(&self) -> Option<Self> {
        self.count()?.checked_add(1).map(Self::new)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The position at which a generation began, in the words of whoever wrote it: PostgreSQL does not pad with zeros,
/// initial states and backfilled ones do (`0/00000000`, `0/0000000`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InitWal(String);

impl InitWal {
    /// The position that sitters write for a new shard: any sync may take over, however far behind.
    pub fn unarmed() -> Self {
        Self("0/00000000".to_owned())
    }

    /// The text in the document.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The position, read as the sitters read it. A document that they accept always has one.
    pub fn lsn(&self) -> Option<Lsn> {
        Lsn::parse_as_sitters(&self.0)
    }
}

impl From<Lsn> for InitWal {
    fn from(lsn: Lsn) -> Self {
        Self(lsn.to_string())
    }
}

impl fmt::Display for InitWal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The reason for which a cluster state cannot be read, or must not be written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Not JSON, or a member of this crate's own reading has another type.
    #[error("the cluster state is not the JSON of one")]
    Json(#[source] serde_json::Error),
    /// The sitters' validator refuses it.
    #[error("this cluster state cannot be read: {}", listed(problems))]
    Invalid {
        /// All that is wrong.
        problems: Vec<Problem>,
    },
    /// It must not be written.
    #[error("this cluster state must not be written: {}", listed(problems))]
    Unsafe {
        /// All that is wrong.
        problems: Vec<Problem>,
    },
}

fn listed(problems: &[Problem]) -> String {
    let with_severity = |problem: &Problem| format!("{problem} ({})", problem.severity);
    problems.iter().map(with_severity).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{EXAMPLE_STATES, example, example_document};

    #[test]
    fn every_example_reads_and_writes_the_same_bytes() {
        for (name, document) in EXAMPLE_STATES {
            let state = ClusterState::from_json(document.as_bytes()).unwrap();
            let again = state.to_checked_json().unwrap();
            let expected: Value = serde_json::from_str(document).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&again).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn roles_follow_the_chain() {
        let state = example("e5");
        let roles: Vec<_> =
            state.peers().map(|(role, peer)| (role, peer.zone_id.label())).collect();
        let expected =
            [(Role::Primary, "ab20c0de"), (Role::Sync, "ac30c0de"), (Role::Deposed, "aa10c0de")];
        assert_eq!(roles, expected);
        let sync = state.sync.clone().unwrap();
        assert_eq!(state.downstream_of(&state.primary.id), Some(&sync));
        assert_eq!(state.downstream_of(&sync.id), None);
        assert_eq!(state.role_of(&PeerId::from("10.99.4.11:5432:12345")), Some(Role::Deposed));
    }

    #[test]
    fn unknown_members_survive_and_the_absent_deposed_is_written() {
        let mut document = example_document("e1");
        let members = document.as_object_mut().unwrap();
        members.remove("deposed");
        members.insert("rack".into(), 7.into());
        let state = ClusterState::from_value(document).unwrap();
        let again: Value = serde_json::from_slice(&state.to_checked_json().unwrap()).unwrap();
        assert_eq!(again["rack"], 7);
        assert_eq!(again["deposed"], Value::Array(Vec::new()));
    }
}

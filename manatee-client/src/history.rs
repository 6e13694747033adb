//! The history of a shard: the entries of its `history` directory.

use jiff::Timestamp;

use crate::shard::{Shard, ShardError, node_time};
use crate::state::{ClusterState, StateError};

/// One entry of the history.
#[derive(Debug)]
pub struct HistoryEntry {
    /// The number at the end of the node's name. It alone orders the entries.
    pub sequence: u64,
    /// The time at which it was written.
    pub time: Timestamp,
    /// Its content.
    pub event: HistoryEvent,
}

/// The content of an entry of the history.
#[derive(Debug)]
pub enum HistoryEvent {
    /// The whole state after a write.
    State(Box<ClusterState>),
    /// A state that no sitter could read.
    Unreadable(StateError),
    /// An event of Manatee's version 1, whose node has its content in its name.
    Version1(Version1Event),
}

/// An event of Manatee's version 1. Members that its name gives as `null` or `undefined` are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version1Event {
    /// The writer.
    pub ip: String,
    /// The event, e.g. `AssumeLeader`.
    pub action: String,
    /// The writer's role.
    pub role: String,
    /// The writer's upstream.
    pub master: String,
    /// The writer's downstream.
    pub slave: String,
}

enum Name {
    Version2 { sequence: u64 },
    Version1 { sequence: u64, time: Timestamp, event: Version1Event },
}

/// `<prefix>-<number>` of version 2, or `timestamp-ip-action-role-master-slave-<number>` of version 1. The prefix is a
/// generation for sitters' writes and always 0 for others', so nothing is read from it.
fn parse_name(name: &str) -> Option<Name> {
    let parts: Vec<&str> = name.split('-').collect();
    let sequence = parts.last()?.parse().ok()?;
    match parts.as_slice() {
        [_prefix, _] => Some(Name::Version2 { sequence }),
        [time, ip, action, role, master, slave, _] => {
            let time = node_time(time.parse().ok()?);
            let text = |part: &str| match part {
                "null" | "undefined" => String::new(),
                part => part.to_owned(),
            };
            let (ip, action, role) = (text(ip), text(action), text(role));
            let (master, slave) = (text(master), text(slave));
            let event = Version1Event { ip, action, role, master, slave };
            Some(Name::Version1 { sequence, time, event })
        }
        _ => None,
    }
}

impl Shard {
    /// The history, oldest first. A shard made by a tool that wrote `/state` alone has none.
    ///
    /// # Errors
    ///
    /// [`ShardError::ZooKeeper`]. States that cannot be read are entries, not errors.
    pub async fn history(&self) -> Result<Vec<HistoryEntry>, ShardError> {
        let names = self.session.children(&self.path("/history")).await;
        let names = names.map_err(|error| self.fail(error))?.unwrap_or_default();
        let mut entries = Vec::with_capacity(names.len());
        let mut stored = Vec::new();
        for name in names {
            match parse_name(&name) {
                Some(Name::Version1 { sequence, time, event }) => {
                    entries.push(HistoryEntry {
                        sequence,
                        time,
                        event: HistoryEvent::Version1(event),
                    });
                }
                Some(Name::Version2 { sequence }) => {
                    stored.push((sequence, self.path(&format!("/history/{name}"))));
                }
                None => {
                    tracing::warn!(shard = %self.name, %name, "an entry of the history has a strange name");
                }
            }
        }
        let paths: Vec<String> = stored.iter().map(|(_, path)| path.clone()).collect();
        let nodes = self.session.read_all(&paths).await.map_err(|error| self.fail(error))?;
        for ((sequence, _), node) in stored.into_iter().zip(nodes) {
            let Some(node) = node else { continue };
            let event = match ClusterState::from_json(&node.data) {
                Ok(state) => HistoryEvent::State(Box::new(state)),
                Err(error) => HistoryEvent::Unreadable(error),
            };
            entries.push(HistoryEntry { sequence, time: node_time(node.created), event });
        }
        entries.sort_by_key(|entry| entry.sequence);
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_versions_are_read() {
        assert!(matches!(parse_name("0-0000000007"), Some(Name::Version2 { sequence: 7 })));
        assert!(matches!(parse_name("12-0000000008"), Some(Name::Version2 { sequence: 8 })));
        let old = "1395789204123-10.0.0.1-AssumeLeader-Primary-undefined-10.0.0.2-0000000003";
        let Some(Name::Version1 { sequence, time, event }) = parse_name(old) else {
            panic!("{old} was not read");
        };
        assert_eq!((sequence, time.as_millisecond()), (3, 1_395_789_204_123));
        assert_eq!((event.action.as_str(), event.master.as_str()), ("AssumeLeader", ""));
        assert_eq!(event.slave, "10.0.0.2");
        for name in ["", "x", "1-2-3", "0-x"] {
            assert!(parse_name(name).is_none(), "{name:?}");
        }
    }
}

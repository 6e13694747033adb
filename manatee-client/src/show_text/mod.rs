//! Reads the text that `manatee-adm show [-v]` prints, for zones that are reached by command only.
//!
//! The reason of a freeze is free text in the middle of it, with newlines, colons, and perhaps with what looks like a table. So
//! it is read from the end: issues, the table of servers, the table of peers, and what is left before them is the block of keys.
//! manatee-adm promises nothing about this text; where ZooKeeper can be reached, use [`crate::ClusterView`].

use crate::lsn::Lsn;
use crate::state::Role;
use crate::views::{Issue, IssueLevel, Lag};

/// The output of `manatee-adm show`, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShowText {
    /// The ZooKeeper servers.
    pub zookeeper: String,
    /// The shard.
    pub cluster: String,
    /// The generation.
    pub generation: String,
    /// The WAL position at which it began, as written in the state.
    pub init_wal: String,
    /// True if the shard is in one-node-write mode.
    pub one_node_write_mode: bool,
    /// Since when it is frozen and why; both are `unknown` or `undefined` if the state does not say.
    pub freeze: Option<ShownFreeze>,
    /// The table of peers; empty without `-v`.
    pub peers: Vec<ShownPeer>,
    /// The table of servers.
    pub servers: Vec<ShownServer>,
    /// Errors and warnings.
    pub issues: Vec<Issue>,
}

/// A freeze as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownFreeze {
    /// Since when.
    pub date: String,
    /// The reason; several lines if it was written so.
    pub reason: String,
}

/// A line of the table of peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownPeer {
    /// Its role.
    pub role: Role,
    /// The zone's UUID.
    pub zone_id: String,
    /// Its address.
    pub ip: String,
}

/// A line of the table of servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownServer {
    /// The peer's role.
    pub role: Role,
    /// The first eight characters of the zone's UUID; the whole of it if `-w` was given.
    pub peer: String,
    /// True if PostgreSQL answered. Always true for deposed peers, which are not asked.
    pub online: bool,
    /// The peer that streams from this one. The last peer of the chain may have one too: a connection left over, or a dump's.
    pub downstream: Option<ShownDownstream>,
    /// The age of what this peer itself replayed last.
    pub lag: Lag,
}

/// The connection from a peer to the next one, as its own line shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownDownstream {
    /// `sync`, `async`, `potential` or `quorum`.
    pub sync_state: String,
    /// Sent to it; `None` where the table has none.
    pub sent: Option<Lsn>,
    /// On its disk.
    pub flush: Option<Lsn>,
    /// Replayed by it.
    pub replay: Option<Lsn>,
}

const SERVERS: &[&str] = &["ROLE", "PEER", "PG", "REPL", "SENT", "FLUSH", "REPLAY", "LAG"];
const SERVERS_WIDE: &[&str] = &["ROLE", "PEERNAME", "PG", "REPL", "SENT", "FLUSH", "REPLAY", "LAG"];
const PEERS: &[&str] = &["ROLE", "PEERNAME", "IP"];

impl ShowText {
    /// Reads the whole of stdout.
    ///
    /// # Errors
    ///
    /// [`ShowTextError::Empty`] if there is none: `show` exits with 0 even if it failed, and says why on stderr only.
    /// [`ShowTextError::Unexpected`] for any other text, e.g. one that was cut short.
    pub fn parse(text: &str) -> Result<Self, ShowTextError> {
        let mut lines: Vec<&str> = text.lines().collect();
        drop_blank(&mut lines);
        if lines.is_empty() {
            return Err(ShowTextError::Empty);
        }
        let issues = take_issues(&mut lines);
        drop_blank(&mut lines);
        let servers = take_table(&mut lines, &[SERVERS, SERVERS_WIDE])
            .ok_or_else(|| unexpected(&lines, "a table of servers"))?;
        let servers = servers.iter().map(|line| server(line)).collect::<Result<Vec<_>, _>>()?;
        // One blank line between the blocks: more of them belong to the reason.
        pop_blank(&mut lines)?;
        let peers = match take_peers(&mut lines, &servers) {
            Some(peers) => {
                pop_blank(&mut lines)?;
                peers
            }
            None => Vec::new(),
        };
        let keys = Keys::read(&lines)?;
        Ok(Self {
            zookeeper: keys.zookeeper,
            cluster: keys.cluster,
            generation: keys.generation,
            init_wal: keys.init_wal,
            one_node_write_mode: keys.one_node_write_mode,
            freeze: keys.freeze,
            peers,
            servers,
            issues,
        })
    }
}

fn drop_blank(lines: &mut Vec<&str>) {
    while lines.pop_if(|line| line.trim().is_empty()).is_some() {}
}

fn pop_blank(lines: &mut Vec<&str>) -> Result<(), ShowTextError> {
    match lines.pop_if(|line| line.trim().is_empty()) {
        Some(_) => Ok(()),
        None => Err(unexpected(lines, "a blank line before a table")),
    }
}

fn unexpected(lines: &[&str], wanted: &'static str) -> ShowTextError {
    let found = lines.last().map(|line| (*line).to_owned()).unwrap_or_default();
    ShowTextError::Unexpected { line: lines.len(), wanted, found }
}

fn take_issues(lines: &mut Vec<&str>) -> Vec<Issue> {
    let issue = |line: &str| {
        let of = |level, message: &str| Issue { level, message: message.trim_end().to_owned() };
        let error = line.strip_prefix("error: ").map(|message| of(IssueLevel::Error, message));
        error.or_else(|| {
            line.strip_prefix("warning: ").map(|message| of(IssueLevel::Warning, message))
        })
    };
    let mut issues = Vec::new();
    while let Some(found) = lines.last().and_then(|line| issue(line)) {
        issues.push(found);
        lines.pop();
    }
    issues.reverse();
    issues
}

/// Takes the lines of the table at the end; they begin after the last line that is one of these headings.
fn take_table<'a>(lines: &mut Vec<&'a str>, headings: &[&[&str]]) -> Option<Vec<&'a str>> {
    let is_heading = |line: &&str| {
        headings.iter().any(|heading| line.split_whitespace().eq(heading.iter().copied()))
    };
    let at = lines.iter().rposition(is_heading)?;
    let table = lines.split_off(at).split_off(1);
    if table.is_empty() { None } else { Some(table) }
}

/// The table of peers is the real one if it lists the same roles as the table of servers.
fn take_peers(lines: &mut Vec<&str>, servers: &[ShownServer]) -> Option<Vec<ShownPeer>> {
    let mut rest = lines.clone();
    let table = take_table(&mut rest, &[PEERS])?;
    let peers: Vec<ShownPeer> = table.iter().map(|line| peer(line)).collect::<Option<_>>()?;
    let same = |(peer, server): (&ShownPeer, &ShownServer)| {
        peer.role == server.role && peer.zone_id.starts_with(&server.peer)
    };
    if peers.len() != servers.len() || !peers.iter().zip(servers).all(same) {
        return None;
    }
    *lines = rest;
    Some(peers)
}

fn role(name: &str) -> Option<Role> {
    [Role::Primary, Role::Sync, Role::Async, Role::Deposed]
        .into_iter()
        .find(|role| role.as_str() == name)
}

fn peer(line: &str) -> Option<ShownPeer> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [name, zone_id, ip] = fields.as_slice() else { return None };
    Some(ShownPeer { role: role(name)?, zone_id: (*zone_id).to_owned(), ip: (*ip).to_owned() })
}

fn server(line: &str) -> Result<ShownServer, ShowTextError> {
    // Long values shift the rest of their line, so fields are told apart by blanks and never by their place.
    let fields: Vec<&str> = line.split_whitespace().collect();
    let parse = || {
        let [name, peer, online, sync_state, sent, flush, replay, lag] = fields.as_slice() else {
            return None;
        };
        let online = match *online {
            "ok" => true,
            "fail" => false,
            _ => return None,
        };
        let position = |text: &str| match text {
            "-" | "null" | "undefined" => Some(None),
            text => text.parse().ok().map(Some),
        };
        let (sent, flush, replay) = (position(sent)?, position(flush)?, position(replay)?);
        let downstream = (*sync_state != "-").then(|| ShownDownstream {
            sync_state: (*sync_state).to_owned(),
            sent,
            flush,
            replay,
        });
        let (role, peer, lag) = (role(name)?, (*peer).to_owned(), lag.parse().ok()?);
        Some(ShownServer { role, peer, online, downstream, lag })
    };
    parse().ok_or_else(|| ShowTextError::Row { line: line.trim_end().to_owned() })
}

struct Keys {
    zookeeper: String,
    cluster: String,
    generation: String,
    init_wal: String,
    one_node_write_mode: bool,
    freeze: Option<ShownFreeze>,
}

impl Keys {
    fn read(lines: &[&str]) -> Result<Self, ShowTextError> {
        let mut rest = lines;
        let mut key = |name: &'static str| {
            let (first, others) = rest.split_first().ok_or_else(|| unexpected(lines, name))?;
            let value = first.strip_prefix(name).and_then(|value| value.strip_prefix(':'));
            let value = value.ok_or_else(|| ShowTextError::Unexpected {
                line: lines.len() - rest.len() + 1,
                wanted: name,
                found: (*first).to_owned(),
            })?;
            rest = others;
            Ok(value.trim())
        };
        let (zookeeper, cluster) = (key("zookeeper")?, key("cluster")?);
        let generation = key("generation")?;
        let bad = |found: &str, wanted| ShowTextError::Unexpected {
            line: 3,
            wanted,
            found: found.to_owned(),
        };
        let (number, wal) = generation
            .strip_suffix(')')
            .and_then(|text| text.split_once(" ("))
            .ok_or_else(|| bad(generation, "a generation and its WAL position"))?;
        let mode = key("mode")?;
        let one_node_write_mode = match mode {
            "normal" => false,
            "singleton (one-node-write)" => true,
            other => return Err(bad(other, "a mode")),
        };
        let frozen = key("freeze")?;
        let freeze = match frozen.strip_prefix("frozen since") {
            Some(date) => {
                let first = key("freeze info")?;
                let reason: Vec<&str> =
                    std::iter::once(first).chain(rest.iter().copied()).collect();
                rest = &[];
                Some(ShownFreeze { date: date.trim().to_owned(), reason: reason.join("\n") })
            }
            None if frozen == "not frozen" => None,
            None => return Err(bad(frozen, "whether it is frozen")),
        };
        if !rest.is_empty() {
            return Err(unexpected(lines, "a table after the keys"));
        }
        Ok(Self {
            zookeeper: zookeeper.to_owned(),
            cluster: cluster.to_owned(),
            generation: number.to_owned(),
            init_wal: wal.to_owned(),
            one_node_write_mode,
            freeze,
        })
    }
}

/// The text is not what `manatee-adm show` prints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShowTextError {
    /// Nothing was printed.
    #[error(
        "manatee-adm show printed nothing: it failed, though it exits with 0; its stderr says why"
    )]
    Empty,
    /// Something else is there.
    #[error("line {line} of what manatee-adm show printed: expected {wanted}, found {found:?}")]
    Unexpected {
        /// Counted from 1.
        line: usize,
        /// The text that should be there.
        wanted: &'static str,
        /// The text that is there.
        found: String,
    },
    /// A line of the table of servers is none.
    #[error("not a line of the table of servers: {line:?}")]
    Row {
        /// The line.
        line: String,
    },
}

#[cfg(test)]
mod tests;

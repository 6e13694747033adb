//! A shard's cluster as this tool sees it: the state, and what each peer's PostgreSQL says.

use serde_json::{Map, Value};

use super::lag::Interval;
use super::state::{Peer, Role, State};

/// The answers of a peer's PostgreSQL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// The cause if it said nothing.
    pub(super) error: Option<String>,
    /// The first row of `pg_stat_replication`: its columns, as text.
    pub(super) replication: Option<Map<String, Value>>,
    /// The time since the newest replayed transaction was committed.
    pub(super) lag: Option<Interval>,
}

impl Report {
    /// A column of the downstream's row. Nothing when there is no row, or one without a state.
    pub(super) fn column(&self, name: &str) -> Option<&str> {
        let row = self.replication.as_ref()?;
        row.get("state").and_then(Value::as_str)?;
        row.get(name).and_then(Value::as_str)
    }

    /// A position of WAL, by its name in any version of PostgreSQL.
    pub(super) fn position(&self, what: &str) -> Option<&str> {
        let new = self.column(&format!("{what}_lsn"));
        new.or_else(|| self.column(&format!("{what}_location")))
    }
}

/// A peer, its role, and what its PostgreSQL said.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) role: Role,
    pub(super) peer: Peer,
    pub(super) report: Report,
}

/// A shard's cluster.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    /// The way in which ZooKeeper was found, as it was told.
    pub(super) zookeeper: String,
    /// The shard's name.
    pub(super) shard: String,
    /// The state.
    pub(super) state: State,
    /// Its peers, in its order.
    pub(super) members: Vec<Member>,
}

/// The severity of an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    Error,
    Warning,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Issue {
    severity: Severity,
    message: String,
}

impl Issue {
    /// On a line: a message of several is cut.
    pub(super) fn line(&self) -> String {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        match self.message.split_once('\n') {
            Some((first, _)) => format!("{severity}: {first}..."),
            None => format!("{severity}: {}", self.message),
        }
    }
}

impl Cluster {
    /// The things that are wrong, errors first.
    pub(super) fn issues(&self) -> Vec<Issue> {
        let mut issues = Vec::new();
        let mut add = |severity, message: String| issues.push(Issue { severity, message });
        let mut replicating = true;
        let mut roles = vec![Role::Primary];
        if self.state.one_node_write_mode {
            let peers = self.members.len();
            if peers > 1 {
                add(Severity::Warning, format!("found {peers} peers in singleton mode"));
            }
            replicating = false;
        } else {
            roles.push(Role::Sync);
            if !self.state.deposed.is_empty() {
                add(Severity::Warning, "cluster has a deposed peer".to_owned());
            }
            if self.state.asyncs.is_empty() {
                add(Severity::Warning, "cluster has no async peers".to_owned());
            }
        }
        for role in roles {
            let found = self.members.iter().find(|member| member.role == role);
            if let Some((member, error)) =
                found.and_then(|member| Some((member, member.report.error.as_ref()?)))
            {
                let (role_name, label) = (role.name(), member.peer.label());
                let what =
                    format!("cannot query postgres on {role_name}: peer \"{label}\": {error}");
                add(Severity::Error, what);
                replicating &= role != Role::Sync;
            }
        }
        if replicating {
            issues.extend(self.links().flat_map(|(up, down)| link_issues(up, down)));
        }
        issues.sort_by_key(|issue| issue.severity);
        issues
    }

    /// Each peer with the one that replicates from it.
    fn links(&self) -> impl Iterator<Item = (&Member, &Member)> {
        let chain = || self.members.iter().filter(|member| member.role != Role::Deposed);
        chain().zip(chain().skip(1))
    }
}

/// The issues of the replication from one peer to the next.
fn link_issues(up: &Member, down: &Member) -> Vec<Issue> {
    let (severity, kind) = match up.role {
        Role::Primary => (Severity::Error, "sync"),
        Role::Sync | Role::Async | Role::Deposed => (Severity::Warning, "async"),
    };
    let label = up.peer.label();
    let issue =
        |message: String| Issue { severity, message: format!("peer \"{label}\": {message}") };
    let Some(state) = up.report.column("state") else {
        return vec![issue("downstream replication peer not connected".to_owned())];
    };
    let mut issues = Vec::new();
    let (expected, found) = (&down.peer.ip, up.report.column("client_addr").unwrap_or("null"));
    if found != expected {
        issues.push(issue(format!(
            "expected downstream peer to be \"{expected}\", but found \"{found}\""
        )));
    }
    if state != "streaming" {
        issues.push(issue(format!(
            "downstream replication not yet established (expected state \"streaming\", found \"{state}\")"
        )));
    }
    let found = up.report.column("sync_state").unwrap_or("null");
    if issues.is_empty() && found != kind {
        issues.push(issue(format!(
            "expected downstream replication to be \"{kind}\", but found \"{found}\""
        )));
    }
    issues
}

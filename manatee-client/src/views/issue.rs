//! The issues of a shard, by manatee-adm's rules.

use std::fmt;

use crate::id::ZoneId;
use crate::state::Role;
use crate::views::cluster::{ClusterView, Link, PeerView};

/// The level of an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IssueLevel {
    /// Writes are in danger.
    Error,
    /// Less redundancy than there should be.
    Warning,
}

/// One thing that manatee-adm complains about. Its `verify` fails on any.
///
/// Never reported, by it and therefore here: a freeze, lag, a primary that is read-only, a promotion that waits, peers that are
/// there without a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Its level.
    pub level: IssueLevel,
    /// In manatee-adm's words; one line.
    pub message: String,
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            IssueLevel::Error => "error",
            IssueLevel::Warning => "warning",
        };
        write!(f, "{level}: {}", self.message)
    }
}

impl ClusterView {
    /// Everything that manatee-adm complains about, errors first. Meaningless if the peers were not asked.
    pub fn issues(&self) -> Vec<Issue> {
        let mut issues = Issues::default();
        let of_role = |role| self.peers.iter().find(move |view| view.role == role);
        if let Some((view, cause)) = of_role(Role::Primary).and_then(failed) {
            issues.error(format!(
                "cannot query postgres on primary: peer \"{}\": {cause}",
                label(view)
            ));
        }
        if self.state.one_node_write_mode {
            let peers = self.peers.len();
            if peers > 1 {
                issues.warning(format!("found {peers} peers in singleton mode"));
            }
            return issues.sorted();
        }
        let sync_failure = of_role(Role::Sync).and_then(failed);
        if let Some((view, cause)) = sync_failure {
            let label = label(view);
            issues.error(format!("cannot query postgres on sync: peer \"{label}\": {cause}"));
        }
        if !self.state.deposed.is_empty() {
            issues.warning("cluster has a deposed peer".to_owned());
        }
        if self.state.asyncs.is_empty() {
            issues.warning("cluster has no async peers".to_owned());
        }
        if sync_failure.is_none() {
            self.check_replication(&mut issues);
        }
        issues.sorted()
    }

    /// The links of the chain: an error from the primary to the sync, a warning further down.
    fn check_replication(&self, issues: &mut Issues) {
        for view in &self.peers {
            let Some(next) = self.state.downstream_of(&view.peer.id) else { continue };
            let (level, kind) = match view.role {
                Role::Primary => (IssueLevel::Error, "sync"),
                Role::Sync | Role::Async => (IssueLevel::Warning, "async"),
                Role::Deposed => continue,
            };
            let mut add =
                |what: String| issues.add(level, format!("peer \"{}\": {what}", label(view)));
            let link = self.link(view);
            let Some(row) = link.row() else {
                add("downstream replication peer not connected".to_owned());
                continue;
            };
            if let Link::Wrong(_) = link {
                let address = row.client_addr.as_deref().filter(|address| *address != next.ip);
                let found = address.unwrap_or(&row.application_name);
                add(format!(
                    "expected downstream peer to be \"{}\", but found \"{found}\"",
                    next.ip
                ));
            }
            if !row.is_streaming() {
                let state = row.state.as_deref().unwrap_or_default();
                add(format!(
                    "downstream replication not yet established (expected state \"streaming\", found \"{state}\")"
                ));
            }
            let sync_state = row.sync_state.as_deref().unwrap_or_default();
            if matches!(link, Link::Found(_)) && row.is_streaming() && sync_state != kind {
                add(format!(
                    "expected downstream replication to be \"{kind}\", but found \"{sync_state}\""
                ));
            }
        }
    }
}

fn label(view: &PeerView) -> &str {
    ZoneId::label(&view.peer.zone_id)
}

fn failed(view: &PeerView) -> Option<(&PeerView, &str)> {
    Some((view, view.failure()?))
}

#[derive(Default)]
struct Issues(Vec<Issue>);

impl Issues {
    fn add(&mut self, level: IssueLevel, message: String) {
        let message = match message.split_once('\n') {
            Some((line, _)) => format!("{line}..."),
            None => message,
        };
        self.0.push(Issue { level, message });
    }

    fn error(&mut self, message: String) {
        self.add(IssueLevel::Error, message);
    }

    fn warning(&mut self, message: String) {
        self.add(IssueLevel::Warning, message);
    }

    fn sorted(mut self) -> Vec<Issue> {
        self.0.sort_by_key(|issue| issue.level);
        self.0
    }
}

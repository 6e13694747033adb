//! The tables of `show`, `peers` and `pg-status`, to the byte.

use std::fmt::Write as _;

use super::super::options::usage;
use super::super::session::Failure;
use super::cluster::{Cluster, Issue, Member, Report};
use super::state::{Role, text};

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Role,
    PeerName,
    PeerAbbreviation,
    Ip,
    Online,
    Replication,
    Sent,
    Write,
    Flush,
    Replay,
    Lag,
}

/// The columns that `peers` shows.
pub(super) const PEERS: &[Column] = &[Column::Role, Column::PeerName, Column::Ip];

/// The columns that `pg-status` and `show` show.
pub(super) const PG_STATUS: &[Column] = &[
    Column::Role,
    Column::PeerAbbreviation,
    Column::Online,
    Column::Replication,
    Column::Sent,
    Column::Flush,
    Column::Replay,
    Column::Lag,
];

impl Column {
    /// Reads a list of `-o`.
    pub(super) fn parse_list(names: &[&str]) -> Result<Vec<Self>, Failure> {
        names.iter().map(|name| Self::parse(name)).collect()
    }

    fn parse(name: &str) -> Result<Self, Failure> {
        Ok(match name {
            "role" => Self::Role,
            "peername" | "zonename" => Self::PeerName,
            "peerabbr" | "zoneabbr" => Self::PeerAbbreviation,
            "ip" => Self::Ip,
            "pg-online" => Self::Online,
            "pg-repl" => Self::Replication,
            "pg-sent" => Self::Sent,
            "pg-write" => Self::Write,
            "pg-flush" => Self::Flush,
            "pg-replay" => Self::Replay,
            "pg-lag" => Self::Lag,
            _ => return usage(format!("unknown column: \"{name}\"")),
        })
    }

    /// Tells whether PostgreSQL has to be asked for it: the state alone does not have it.
    pub(super) const fn needs_postgres(self) -> bool {
        !matches!(self, Self::Role | Self::PeerName | Self::PeerAbbreviation | Self::Ip)
    }

    const fn header(self) -> (&'static str, usize) {
        match self {
            Self::Role => ("ROLE", 8),
            Self::PeerName => ("PEERNAME", 36),
            Self::PeerAbbreviation => ("PEER", 8),
            Self::Ip => ("IP", 16),
            Self::Online => ("PG", 4),
            Self::Replication => ("REPL", 5),
            Self::Sent => ("SENT", 13),
            Self::Write => ("WRITE", 13),
            Self::Flush => ("FLUSH", 13),
            Self::Replay => ("REPLAY", 13),
            Self::Lag => ("LAG", 6),
        }
    }

    fn value(self, member: &Member) -> String {
        let Report { error, lag, .. } = &member.report;
        let failed = error.is_some();
        let position = |what| member.report.position(what).filter(|_| !failed).unwrap_or("-");
        match self {
            Self::Role => member.role.name(),
            Self::PeerName => &member.peer.zone_id,
            Self::PeerAbbreviation => member.peer.label(),
            Self::Ip => &member.peer.ip,
            Self::Online if failed => "fail",
            Self::Online => "ok",
            Self::Replication => {
                member.report.column("sync_state").filter(|_| !failed).unwrap_or("-")
            }
            Self::Sent => position("sent"),
            Self::Write => position("write"),
            Self::Flush => position("flush"),
            Self::Replay => position("replay"),
            Self::Lag => match lag {
                Some(lag) if !failed && member.role != Role::Primary => return lag.text(),
                _ => "-",
            },
        }
        .to_owned()
    }
}

/// A table. All fields are padded, also the last; none is cut.
pub(super) fn table(cluster: &Cluster, columns: &[Column], header: bool) -> String {
    let mut out = String::new();
    if header {
        line(&mut out, columns, |column| column.header().0.to_owned());
    }
    for member in &cluster.members {
        line(&mut out, columns, |column| column.value(member));
    }
    out
}

fn line(out: &mut String, columns: &[Column], value: impl Fn(Column) -> String) {
    let pad = |column: &Column| format!("{:<width$}", value(*column), width = column.header().1);
    out.push_str(&columns.iter().map(pad).collect::<Vec<_>>().join(" "));
    out.push('\n');
}

/// Issues, each on a line.
pub(super) fn issue_lines(issues: &[Issue]) -> String {
    issues.iter().map(|issue| issue.line() + "\n").collect()
}

/// The output of `show`.
pub(super) fn show(cluster: &Cluster, verbose: bool) -> String {
    let state = &cluster.state;
    let mode = if state.one_node_write_mode { "singleton (one-node-write)" } else { "normal" };
    let mut keys = vec![
        ("zookeeper:", cluster.zookeeper.clone()),
        ("cluster:", cluster.shard.clone()),
        ("generation:", format!("{} ({})", text(&state.generation), text(&state.init_wal))),
        ("mode:", mode.to_owned()),
    ];
    match state.frozen() {
        None => keys.push(("freeze:", "not frozen".to_owned())),
        Some((since, why)) => {
            keys.push(("freeze:", format!("frozen since {since}")));
            keys.push(("freeze info:", why));
        }
    }
    let mut out = String::new();
    for (key, value) in keys {
        writeln!(out, "{key:<12} {value}").unwrap_or_default();
    }
    if verbose {
        out.push('\n');
        out.push_str(&table(cluster, PEERS, true));
    }
    out.push('\n');
    out.push_str(&table(cluster, PG_STATUS, true));
    let issues = cluster.issues();
    if !issues.is_empty() {
        out.push('\n');
        out.push_str(&issue_lines(&issues));
    }
    out
}

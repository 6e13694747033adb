//! Tables of peers, as manatee-adm prints them.

use std::fmt::Write as _;
use std::str::FromStr;

use crate::state::Role;
use crate::views::cluster::{ClusterView, PeerView};

/// A column of a table of peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// `role`
    Role,
    /// `peername`, also `zonename`: the zone's whole UUID.
    PeerName,
    /// `peerabbr`, also `zoneabbr`: the first eight characters of it.
    PeerAbbreviation,
    /// `ip`
    Ip,
    /// `pg-online`: `ok` or `fail`. Deposed peers are never asked and `ok`.
    Online,
    /// `pg-repl`: whether the next peer replicates from this one, `sync` or `async`.
    Replication,
    /// `pg-sent`: what was sent to the next peer. `-` in this and the following three if there is none.
    Sent,
    /// `pg-write`: what the next peer has written.
    Write,
    /// `pg-flush`: what is on the next peer's disk.
    Flush,
    /// `pg-replay`: what the next peer has replayed.
    Replay,
    /// `pg-lag`: the age of what this peer itself replayed last.
    Lag,
}

impl Column {
    /// The heading.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Role => "ROLE",
            Self::PeerName => "PEERNAME",
            Self::PeerAbbreviation => "PEER",
            Self::Ip => "IP",
            Self::Online => "PG",
            Self::Replication => "REPL",
            Self::Sent => "SENT",
            Self::Write => "WRITE",
            Self::Flush => "FLUSH",
            Self::Replay => "REPLAY",
            Self::Lag => "LAG",
        }
    }

    const fn width(self) -> usize {
        match self {
            Self::Role | Self::PeerAbbreviation => 8,
            Self::PeerName => 36,
            Self::Ip => 16,
            Self::Online => 4,
            Self::Replication => 5,
            Self::Sent | Self::Write | Self::Flush | Self::Replay => 13,
            Self::Lag => 6,
        }
    }

    /// Tells whether it needs the peers' answers; `peers` has no such columns.
    pub const fn needs_postgres(self) -> bool {
        !matches!(self, Self::Role | Self::PeerName | Self::PeerAbbreviation | Self::Ip)
    }
}

impl FromStr for Column {
    type Err = UnsupportedColumn;

    fn from_str(name: &str) -> Result<Self, UnsupportedColumn> {
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
            _ => return Err(UnsupportedColumn::Unknown(name.to_owned())),
        })
    }
}

/// The columns of a table, in order: what `-o` takes, names with commas between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(pub Vec<Column>);

impl Columns {
    /// The columns of `peers` if none are asked for.
    pub fn peers() -> Self {
        Self(vec![Column::Role, Column::PeerName, Column::Ip])
    }

    /// The columns of `pg-status` and `show` if none are asked for.
    pub fn pg_status() -> Self {
        use Column::{Flush, Lag, Online, PeerAbbreviation, Replay, Replication, Role, Sent};
        Self(vec![Role, PeerAbbreviation, Online, Replication, Sent, Flush, Replay, Lag])
    }

    /// Those of [`Columns::pg_status`] with whole UUIDs, as `-w` asks for.
    pub fn pg_status_wide() -> Self {
        let wide = |column| {
            if column == Column::PeerAbbreviation { Column::PeerName } else { column }
        };
        Self(Self::pg_status().0.into_iter().map(wide).collect())
    }

    /// The names for `peers`, which shows nothing that the peers have to be asked for.
    ///
    /// # Errors
    ///
    /// [`UnsupportedColumn`]
    pub fn for_peers(names: &str) -> Result<Self, UnsupportedColumn> {
        let columns: Self = names.parse()?;
        match columns.0.iter().find(|column| column.needs_postgres()) {
            Some(column) => Err(UnsupportedColumn::Unknown(column.heading().to_owned())),
            None => Ok(columns),
        }
    }
}

impl FromStr for Columns {
    type Err = UnsupportedColumn;

    fn from_str(names: &str) -> Result<Self, UnsupportedColumn> {
        let names = names.split(',').filter(|name| !name.is_empty());
        let columns: Vec<Column> = names.map(Column::from_str).collect::<Result<_, _>>()?;
        if columns.is_empty() { Err(UnsupportedColumn::None) } else { Ok(Self(columns)) }
    }
}

/// There is no such column. The words are manatee-adm's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedColumn {
    /// This one.
    #[error("unsupported column: \"{0}\"")]
    Unknown(String),
    /// None was named.
    #[error("no columns selected")]
    None,
}

impl ClusterView {
    /// The table, one line a peer, optionally without its heading (`-H`) and only of one role (`-r`).
    ///
    /// Every field is filled up with blanks, the last too, and nothing is cut: a long value shifts the rest of its line, so
    /// readers should split at blanks.
    pub fn table(&self, columns: &Columns, heading: bool, role: Option<Role>) -> String {
        let mut table = String::new();
        if heading {
            line(
                &mut table,
                columns.0.iter().map(|column| (column.heading().to_owned(), column.width())),
            );
        }
        for view in self.peers.iter().filter(|view| role.is_none_or(|role| role == view.role)) {
            line(
                &mut table,
                columns.0.iter().map(|column| (self.cell(view, *column), column.width())),
            );
        }
        table
    }

    fn cell(&self, view: &PeerView, column: Column) -> String {
        let link = self.link(view);
        let row = link.row().filter(|row| row.sync_state.is_some());
        let position =
            |lsn: Option<crate::Lsn>| lsn.map_or_else(|| "-".to_owned(), |lsn| lsn.to_string());
        match column {
            Column::Role => view.role.to_string(),
            Column::PeerName => view.peer.zone_id.to_string(),
            Column::PeerAbbreviation => view.peer.zone_id.label().to_owned(),
            Column::Ip => view.peer.ip.clone(),
            Column::Online => if view.failure().is_some() { "fail" } else { "ok" }.to_owned(),
            Column::Replication => {
                row.and_then(|row| row.sync_state.clone()).unwrap_or_else(|| "-".to_owned())
            }
            Column::Sent => position(row.and_then(|row| row.sent)),
            Column::Write => position(row.and_then(|row| row.write)),
            Column::Flush => position(row.and_then(|row| row.flush)),
            Column::Replay => position(row.and_then(|row| row.replay)),
            Column::Lag => view.lag().to_string(),
        }
    }
}

fn line(table: &mut String, cells: impl Iterator<Item = (String, usize)>) {
    for (index, (cell, width)) in cells.enumerate() {
        if index > 0 {
            table.push(' ');
        }
        // Writing to a String cannot fail.
        write!(table, "{cell:<width$}").unwrap_or_default();
    }
    table.push('\n');
}

//! The clients that stream from a PostgreSQL server, as it tells of them, whatever its version.

use std::fmt;
use std::str::FromStr;

use crate::lsn::Lsn;

/// A server's version as `server_version_num` gives it: 90204 for 9.2.4, 120000 for 12.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerVersion(u32);

impl ServerVersion {
    /// From `server_version_num`.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Since 10 a position is an `lsn` and the log is the `wal`; before they were `location` and `xlog`.
    pub const fn has_lsn_names(self) -> bool {
        self.0 >= 100_000
    }

    /// The major version: 9.2 is 902, 12 is 1200.
    pub const fn major(self) -> u32 {
        self.0 / 100
    }

    pub(crate) fn replication_query(self) -> String {
        let suffix = if self.has_lsn_names() { "lsn" } else { "location" };
        format!(
            "SELECT application_name, client_addr, state, sync_state, sent_{suffix} AS sent, \
             write_{suffix} AS write, flush_{suffix} AS flush, replay_{suffix} AS replay \
             FROM pg_stat_replication ORDER BY backend_start"
        )
    }

    pub(crate) const fn current_position_query(self) -> &'static str {
        if self.has_lsn_names() {
            "SELECT pg_current_wal_lsn() AS position"
        } else {
            "SELECT pg_current_xlog_location() AS position"
        }
    }

    // The functions below go on telling where a recovery ended when the server is no standby any more.

    pub(crate) const fn replay_position_query(self) -> &'static str {
        if self.has_lsn_names() {
            "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END AS position"
        } else {
            "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_xlog_replay_location() END AS position"
        }
    }

    pub(crate) const fn receive_position_query(self) -> &'static str {
        if self.has_lsn_names() {
            "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() END AS position"
        } else {
            "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_xlog_receive_location() END AS position"
        }
    }
}

impl FromStr for ServerVersion {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.has_lsn_names() {
            write!(f, "{}.{}", self.0 / 10_000, self.0 % 10_000)
        } else {
            write!(f, "{}.{}.{}", self.0 / 10_000, self.0 / 100 % 100, self.0 % 100)
        }
    }
}

/// One connection that streams from a server: a row of `pg_stat_replication`.
///
/// Rows of standbys that died without a word linger, and clones made for dumps stream too, so a row is found by its name and
/// never by its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downstream {
    /// The standby's own `pgUrl`, see [`crate::Peer::pg_url`].
    pub application_name: String,
    /// The address that it connects from; `None` for a local socket.
    pub client_addr: Option<String>,
    /// `streaming`, or `startup`, `catchup`, `backup`. Empty if this user may not see it.
    pub state: Option<String>,
    /// `sync`, `async`, `potential` or `quorum`.
    pub sync_state: Option<String>,
    /// Sent to the standby.
    pub sent: Option<Lsn>,
    /// Written by the standby, perhaps not yet to its disk.
    pub write: Option<Lsn>,
    /// On the standby's disk.
    pub flush: Option<Lsn>,
    /// Visible on the standby.
    pub replay: Option<Lsn>,
}

impl Downstream {
    /// Tells whether it has caught up and streams.
    pub fn is_streaming(&self) -> bool {
        self.state.as_deref() == Some("streaming")
    }
}

/// Of those that stream from a server the one that is this standby. If it has several connections, one that streams is
/// preferred, then the newest: an older one may be the rest of a dead connection.
pub fn downstream_named<'a>(rows: &'a [Downstream], pg_url: &str) -> Option<&'a Downstream> {
    let mut named = rows.iter().rev().filter(|row| row.application_name == pg_url);
    named.clone().find(|row| row.is_streaming()).or_else(|| named.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, state: &str, sent: u64) -> Downstream {
        Downstream {
            application_name: name.into(),
            client_addr: None,
            state: Some(state.into()),
            sync_state: Some("async".into()),
            sent: Some(Lsn::from_bytes(sent)),
            write: None,
            flush: None,
            replay: None,
        }
    }

    #[test]
    fn names_follow_the_version() {
        for (number, shown, lsn) in [
            (90204, "9.2.4", false),
            (90603, "9.6.3", false),
            (120_000, "12.0", true),
            (150_018, "15.18", true),
        ] {
            let version = ServerVersion::new(number);
            assert_eq!(version.to_string(), shown);
            assert_eq!(version.replication_query().contains("sent_lsn"), lsn);
            assert_eq!(version.replication_query().contains("replay_location"), !lsn);
            assert_eq!(version.replay_position_query().contains("wal"), lsn);
            assert_eq!(version.current_position_query().contains("xlog"), !lsn);
            assert_eq!(version.receive_position_query().contains("xlog"), !lsn);
        }
        assert_eq!(ServerVersion::new(90603).major(), 906);
    }

    #[test]
    fn a_standby_is_found_by_its_name_and_not_by_its_place() {
        let rows = [row("dump", "streaming", 9), row("a", "streaming", 1), row("b", "catchup", 2)];
        assert_eq!(downstream_named(&rows, "b"), Some(&rows[2]));
        assert_eq!(downstream_named(&rows, "c"), None);
        let rows = [row("a", "streaming", 2), row("a", "startup", 3)];
        assert_eq!(downstream_named(&rows, "a"), Some(&rows[0]), "the one that streams");
        let rows = [row("a", "streaming", 1), row("a", "streaming", 3)];
        assert_eq!(downstream_named(&rows, "a"), Some(&rows[1]), "the newest");
    }
}

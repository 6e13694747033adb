//! The configuration files of a PostgreSQL server, as text.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::version::Version;

/// The size of a file of the write-ahead log, in megabytes, where it can be chosen. Such files have their whole size from the
/// beginning, and a small database does not fill many.
pub(super) const SMALL_WAL_SEGMENT: u32 = 4;
/// The size where it cannot be chosen.
const WAL_SEGMENT: u32 = 16;
/// The part of the write-ahead log that is kept for standbys that are behind, in megabytes.
const KEPT_WAL: u32 = 256;

/// The files that make a server a standby, of all versions.
pub(super) const STANDBY_FILES: [&str; 2] = ["standby.signal", "recovery.conf"];

/// The configuration of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The only address that it listens on.
    pub(crate) address: Ipv4Addr,
    /// Its port.
    pub(crate) port: u16,
    /// Its part in the replication.
    pub(crate) replication: Replication,
}

/// A server's part in the replication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Replication {
    /// It takes writes.
    Primary {
        /// Sessions are read-only unless they say otherwise.
        read_only: bool,
        /// The `application_name` of the standby that commits wait for.
        synchronous: Option<String>,
    },
    /// It streams from another.
    Standby {
        /// From whom.
        upstream: SocketAddrV4,
        /// Its name for itself there.
        application_name: String,
    },
}

/// Whoever comes over the loopback is believed.
pub(crate) const CLIENT_AUTHENTICATION: &str = "# Written by the sitter.\n\
    host all all 127.0.0.0/8 trust\n\
    host replication all 127.0.0.0/8 trust\n";

/// Settings of every server. Small, since many run on one machine; quick to notice that an upstream is back.
const COMMON: &str = "\
unix_socket_directories = ''
max_connections = 200
shared_buffers = 32MB
dynamic_shared_memory_type = mmap
wal_level = replica
max_wal_size = 512MB
max_wal_senders = 15
wal_sender_timeout = 0
wal_receiver_timeout = 10s
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 500ms
tcp_keepalives_idle = 15
tcp_keepalives_interval = 5
tcp_keepalives_count = 3
hot_standby = on
max_worker_processes = 4
max_parallel_workers = 2
log_line_prefix = '%m [%p] '
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
";

impl Settings {
    /// The content of `postgresql.conf`.
    pub(super) fn text(&self, version: Version) -> String {
        let mut text = String::from("# Written by the sitter: changes do not last.\n");
        let lines = [
            ("listen_addresses", quoted(&self.address.to_string())),
            ("port", self.port.to_string()),
        ];
        let replication = self.replication.lines(version);
        for (name, value) in lines.into_iter().chain(replication).chain(of_version(version)) {
            // Writing to a string does not fail.
            writeln!(text, "{name} = {value}").unwrap_or_default();
        }
        text.push_str(COMMON);
        text
    }

    /// The file that makes the next start that of a standby, and its content. `None`: it is a primary's.
    pub(super) fn standby_file(&self, version: Version) -> Option<(&'static str, String)> {
        let conninfo = self.replication.conninfo()?;
        if version.has_standby_signal() {
            return Some(("standby.signal", String::new()));
        }
        // Where nothing says so, these versions follow no primary whose timeline is another.
        let text = format!(
            "standby_mode = on\nrecovery_target_timeline = 'latest'\nprimary_conninfo = {}\n",
            quoted(&conninfo)
        );
        Some(("recovery.conf", text))
    }
}

/// The settings that have other names or bounds in other versions.
fn of_version(version: Version) -> Vec<(&'static str, String)> {
    let segment = if version.chooses_wal_segments() { SMALL_WAL_SEGMENT } else { WAL_SEGMENT };
    // Two files are the least.
    let mut lines = vec![("min_wal_size", format!("{}MB", (2 * segment).max(16)))];
    lines.push(if version.keeps_wal_by_size() {
        ("wal_keep_size", format!("{KEPT_WAL}MB"))
    } else {
        ("wal_keep_segments", (KEPT_WAL / segment).to_string())
    });
    if version.has_jit() {
        lines.push(("jit", "off".to_owned()));
    }
    lines
}

impl Replication {
    /// The connection of a standby to its upstream.
    fn conninfo(&self) -> Option<String> {
        let Self::Standby { upstream, application_name } = self else { return None };
        let (host, port) = (upstream.ip(), upstream.port());
        Some(format!(
            "host={host} port={port} user=postgres application_name={application_name} connect_timeout=60"
        ))
    }

    fn lines(&self, version: Version) -> Vec<(&'static str, String)> {
        match self {
            Self::Primary { read_only, synchronous } => {
                let mut lines = vec![("synchronous_commit", "remote_write".to_owned())];
                if *read_only {
                    lines.push(("default_transaction_read_only", "on".to_owned()));
                }
                let name = synchronous.as_ref().map(|name| name.replace('"', "\"\""));
                let names = name.map_or_else(String::new, |name| format!("\"{name}\""));
                lines.push(("synchronous_standby_names", quoted(&names)));
                lines
            }
            Self::Standby { .. } => {
                let mut lines = vec![
                    ("synchronous_commit", "off".to_owned()),
                    ("synchronous_standby_names", quoted("")),
                ];
                if version.has_standby_signal() {
                    let conninfo = self.conninfo().unwrap_or_default();
                    lines.push(("primary_conninfo", quoted(&conninfo)));
                }
                lines
            }
        }
    }
}

/// A value of a configuration file. These are not quoted as in SQL: a backslash always begins an escape.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSIONS: [u32; 4] = [10, 12, 15, 17];

    fn settings(replication: Replication) -> Settings {
        Settings { address: Ipv4Addr::new(127, 77, 3, 40), port: 5432, replication }
    }

    fn text(replication: Replication) -> String {
        settings(replication).text(Version::of(15))
    }

    #[test]
    fn a_primary_names_its_sync() {
        let synchronous = Some("tcp://postgres@127.77.3.41:5432/postgres".to_owned());
        let text = text(Replication::Primary { read_only: false, synchronous });
        let names = "synchronous_standby_names = '\"tcp://postgres@127.77.3.41:5432/postgres\"'\n";
        assert!(text.contains(names));
        assert!(text.contains("listen_addresses = '127.77.3.40'\nport = 5432\n"));
        assert!(text.contains("synchronous_commit = remote_write\n"));
        assert!(!text.contains("read_only"));
    }

    #[test]
    fn a_primary_without_a_sync_is_read_only_when_told() {
        let text = text(Replication::Primary { read_only: true, synchronous: None });
        assert!(
            text.contains("default_transaction_read_only = on\nsynchronous_standby_names = ''")
        );
    }

    #[test]
    fn a_standby_says_who_it_is() {
        let upstream = SocketAddrV4::new(Ipv4Addr::new(127, 77, 3, 40), 5432);
        let application_name = "tcp://postgres@127.77.3.41:5432/postgres".to_owned();
        let text = text(Replication::Standby { upstream, application_name });
        assert!(text.contains(
            "primary_conninfo = 'host=127.77.3.40 port=5432 user=postgres \
             application_name=tcp://postgres@127.77.3.41:5432/postgres connect_timeout=60'\n"
        ));
        assert!(text.contains("synchronous_commit = off\n"));
    }

    #[test]
    fn versions_mark_standbys_in_their_own_ways() {
        let upstream = SocketAddrV4::new(Ipv4Addr::new(127, 77, 3, 40), 5432);
        let standby = settings(Replication::Standby { upstream, application_name: "a".to_owned() });
        let primary = settings(Replication::Primary { read_only: false, synchronous: None });
        let conninfo = "primary_conninfo = 'host=127.77.3.40 port=5432 user=postgres";
        for number in VERSIONS {
            let version = Version::of(number);
            assert_eq!(primary.standby_file(version), None);
            let (name, content) = standby.standby_file(version).unwrap();
            let expected = if number < 12 { "recovery.conf" } else { "standby.signal" };
            assert_eq!(name, expected, "{number}");
            assert!(STANDBY_FILES.contains(&name));
            let text = standby.text(version);
            assert_eq!(text.contains(conninfo), number >= 12, "{number}");
            assert_eq!(content.contains(conninfo), number < 12, "{number}");
            assert_eq!(text.contains("wal_keep_segments"), number < 13, "{number}");
        }
    }

    #[test]
    fn quotes_stay_inside() {
        assert_eq!(quoted("a'b\\"), r"'a''b\\'");
    }
}

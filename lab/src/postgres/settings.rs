//! The configuration files of a PostgreSQL server, as text.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddrV4};

/// How a server is configured.
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
        /// What it calls itself there.
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
wal_keep_size = 256MB
max_wal_size = 512MB
min_wal_size = 16MB
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
jit = off
log_line_prefix = '%m [%p] '
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
";

impl Settings {
    /// The content of `postgresql.conf`.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from("# Written by the sitter: changes do not last.\n");
        let lines = [
            ("listen_addresses", quoted(&self.address.to_string())),
            ("port", self.port.to_string()),
        ];
        for (name, value) in lines.into_iter().chain(self.replication.lines()) {
            // Writing to a string does not fail.
            writeln!(text, "{name} = {value}").unwrap_or_default();
        }
        text.push_str(COMMON);
        text
    }
}

impl Replication {
    fn lines(&self) -> Vec<(&'static str, String)> {
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
            Self::Standby { upstream, application_name } => {
                let (host, port) = (upstream.ip(), upstream.port());
                let conninfo = format!(
                    "host={host} port={port} user=postgres application_name={application_name} connect_timeout=60"
                );
                vec![
                    ("synchronous_commit", "off".to_owned()),
                    ("synchronous_standby_names", quoted("")),
                    ("primary_conninfo", quoted(&conninfo)),
                ]
            }
        }
    }
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(replication: Replication) -> String {
        let address = Ipv4Addr::new(127, 77, 3, 40);
        Settings { address, port: 5432, replication }.text()
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
    fn quotes_stay_inside() {
        assert_eq!(quoted("a'b\\"), r"'a''b\\'");
    }
}

//! The list of ZooKeeper servers.

use std::fmt;
use std::str::FromStr;

use crate::error::ZooKeeperError;

/// ZooKeeper servers: `host[:port],host[:port]…`, and after them perhaps `/a/chroot`. The port is 2181 if not given.
///
/// This is the form of manatee-adm's `-z` and of its `ZK_IPS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servers {
    pub(crate) hosts: Vec<(String, u16)>,
    pub(crate) chroot: String,
}

impl FromStr for Servers {
    type Err = ZooKeeperError;

    fn from_str(text: &str) -> Result<Self, ZooKeeperError> {
        let bad = || ZooKeeperError::BadServers { text: text.to_owned() };
        let (list, chroot) = match text.find('/') {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        let chroot = chroot.trim_end_matches('/');
        if chroot.contains("//") {
            return Err(bad());
        }
        let mut hosts = Vec::new();
        for server in list.split(',') {
            let (host, port) = match server.trim().split_once(':') {
                Some((host, port)) => (host, port.parse().map_err(|_| bad())?),
                None => (server.trim(), 2181),
            };
            if host.is_empty() || host.contains(char::is_whitespace) {
                return Err(bad());
            }
            hosts.push((host.to_owned(), port));
        }
        Ok(Self { hosts, chroot: chroot.to_owned() })
    }
}

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (host, port)) in self.hosts.iter().enumerate() {
            write!(f, "{}{host}:{port}", if index == 0 { "" } else { "," })?;
        }
        f.write_str(&self.chroot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_those_of_manatee_adm() {
        for (text, shown) in [
            ("10.0.0.1", "10.0.0.1:2181"),
            ("a:2182, b", "a:2182,b:2181"),
            ("a:1,b:2/lab/one/", "a:1,b:2/lab/one"),
        ] {
            assert_eq!(text.parse::<Servers>().unwrap().to_string(), shown);
        }
        for text in ["", ",", "a:", "a:b", "a:99999", "/x", "a//x", "a b"] {
            assert!(text.parse::<Servers>().is_err(), "{text:?}");
        }
    }
}

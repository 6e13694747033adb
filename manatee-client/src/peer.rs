//! One PostgreSQL server of a shard.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::{PeerId, ZoneId};

/// A peer as the cluster state and the election children describe it. Members not known here are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    /// The identity that sitters match on.
    pub id: PeerId,
    /// The address.
    pub ip: String,
    /// The URL on which its PostgreSQL listens, `tcp://postgres@10.1.2.3:5432/postgres`. Its standby connection carries the
    /// very same text as application name.
    pub pg_url: String,
    /// The zone's UUID, the identity for manatee-adm.
    pub zone_id: ZoneId,
    /// The URL on which its backup server listens, `http://10.1.2.3:12345`. The sitters' validator does not ask for it, yet
    /// they and manatee-adm fail without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_url: Option<String>,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Peer {
    /// The peer that a sitter in this zone, with this address and these ports announces.
    pub fn new(zone_id: ZoneId, ip: &str, postgres_port: u16, backup_port: u16) -> Self {
        Self {
            id: PeerId::new(ip, postgres_port, backup_port),
            ip: ip.to_owned(),
            pg_url: format!("tcp://postgres@{ip}:{postgres_port}/postgres"),
            zone_id,
            backup_url: Some(format!("http://{ip}:{backup_port}")),
            other: Map::new(),
        }
    }

    /// The endpoint of its PostgreSQL.
    ///
    /// # Errors
    ///
    /// [`BadPgUrl`] if `pgUrl` is none: sitters accept any text there.
    pub fn endpoint(&self) -> Result<PgEndpoint, BadPgUrl> {
        self.pg_url.parse()
    }
}

/// The endpoint on which a PostgreSQL server listens, and as whom to connect: a parsed `pgUrl`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PgEndpoint {
    /// A name or an address.
    pub host: String,
    /// 5432 if the URL names none.
    pub port: u16,
    /// `postgres` if the URL names none.
    pub user: String,
    /// `postgres` if the URL names none.
    pub database: String,
}

impl FromStr for PgEndpoint {
    type Err = BadPgUrl;

    fn from_str(text: &str) -> Result<Self, BadPgUrl> {
        let bad = || BadPgUrl(after_at(text).to_owned());
        let rest = text
            .strip_prefix("tcp://")
            .or_else(|| text.strip_prefix("postgres://"))
            .or_else(|| text.strip_prefix("postgresql://"))
            .ok_or_else(bad)?;
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, address) = authority.rsplit_once('@').unwrap_or(("", authority));
        // A password is never part of a pgUrl: Manatee's servers trust their network.
        if user.contains(':') || database.contains(['/', '?']) {
            return Err(bad());
        }
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| bad())?),
            None => (address, 5432),
        };
        if host.is_empty() || host.contains(':') {
            return Err(bad());
        }
        let or_postgres = |text: &str| if text.is_empty() { "postgres" } else { text }.to_owned();
        let (user, database) = (or_postgres(user), or_postgres(database));
        Ok(Self { host: host.to_owned(), port, user, database })
    }
}

impl fmt::Display for PgEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tcp://{}@{}:{}/{}", self.user, self.host, self.port, self.database)
    }
}

/// The text does not say where a PostgreSQL server listens. What is before an `@` in it may be a password and is not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pgUrl ending in {0:?} is none; one looks like tcp://postgres@10.1.2.3:5432/postgres")]
pub struct BadPgUrl(String);

fn after_at(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pg_url_says_where_and_as_whom() {
        let endpoint: PgEndpoint = "tcp://postgres@10.1.2.3:5433/moray".parse().unwrap();
        assert_eq!((endpoint.host.as_str(), endpoint.port), ("10.1.2.3", 5433));
        assert_eq!((endpoint.user.as_str(), endpoint.database.as_str()), ("postgres", "moray"));
        // What clients of a shard without state make up: no user, no database.
        assert_eq!(
            "tcp://10.1.2.3:5432".parse::<PgEndpoint>().unwrap().to_string(),
            "tcp://postgres@10.1.2.3:5432/postgres"
        );
    }

    #[test]
    fn other_text_is_refused_and_no_password_shown() {
        for url in ["", "10.1.2.3", "http://10.1.2.3", "tcp://", "tcp://h:x/p", "tcp://h/a/b"] {
            assert!(url.parse::<PgEndpoint>().is_err(), "{url:?}");
        }
        let error = "tcp://u:secret@h:1/p".parse::<PgEndpoint>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }

    #[test]
    fn unknown_members_survive() {
        let text = r#"{"id":"a","ip":"b","pgUrl":"c","zoneId":"d","backupUrl":"e","rack":7}"#;
        let peer: Peer = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&peer).unwrap(), text);
    }
}

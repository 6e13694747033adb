//! Loading a cluster: the state from ZooKeeper, the rest from each peer's PostgreSQL.

use std::error::Error;
use std::io;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::super::session::Failure;
use super::cluster::{Cluster, Member, Report};
use super::lag::Interval;
use super::state::{Peer, Role, State};
use super::store::Store;

/// The longest that a query may take, with connecting.
const QUERY_TIMEOUT: Duration = Duration::from_secs(1);

/// Loads a cluster. Without `postgres` no peer is asked.
pub(super) async fn load(servers: &str, shard: &str, postgres: bool) -> Result<Cluster, Failure> {
    let store = Store::connect(servers).await?;
    let Some((state, _)) = store.state(shard).await? else {
        return Err(Failure::new(format!("no state object exists for shard: \"{shard}\"")));
    };
    let bad = |why| Failure::new(format!("cannot use the state of shard \"{shard}\": {why}"));
    let state = State::parse(&state).map_err(bad)?;
    let members = members(&state, postgres).await;
    Ok(Cluster { zookeeper: servers.to_owned(), shard: shard.to_owned(), state, members })
}

/// The peers of a state, with what their PostgreSQL says, all asked at once. The deposed are not asked.
pub(super) async fn members(state: &State, postgres: bool) -> Vec<Member> {
    let mut asking = Vec::new();
    for (role, peer) in state.peers() {
        let peer = peer.clone();
        asking.push(tokio::spawn(async move {
            let report = match role {
                _ if !postgres => Report { error: Some(String::new()), ..Report::default() },
                Role::Deposed => Report::default(),
                Role::Primary | Role::Sync | Role::Async => ask(&peer, role).await,
            };
            Member { role, peer, report }
        }));
    }
    let mut members = Vec::new();
    for asked in asking {
        // A task that panicked leaves a gap; it does not panic.
        members.extend(asked.await.ok());
    }
    members
}

async fn ask(peer: &Peer, role: Role) -> Report {
    let (rows, lag) = tokio::join!(query(peer, "select * from pg_stat_replication"), async {
        match role {
            Role::Primary => Ok(Vec::new()),
            Role::Sync | Role::Async | Role::Deposed => {
                query(peer, "select now() - pg_last_xact_replay_timestamp() as time_lag").await
            }
        }
    });
    let error = rows.as_ref().err().or(lag.as_ref().err()).cloned();
    let first = |rows: Result<Vec<_>, String>| rows.ok().and_then(|rows| rows.into_iter().next());
    let replication = first(rows).map(with_own_address);
    let lag = first(lag).and_then(|row: Map<String, Value>| {
        row.get("time_lag").and_then(Value::as_str).and_then(Interval::parse)
    });
    Report { error, replication, lag }
}

/// A standby of the lab connects over the loopback interface from whatever address the kernel takes, which says nothing
/// of it; its `application_name`, its URL, does.
fn with_own_address(mut row: Map<String, Value>) -> Map<String, Value> {
    let unspecific = row.get("client_addr").and_then(Value::as_str) == Some("127.0.0.1");
    let name = row.get("application_name").and_then(Value::as_str);
    if let Some((host, _)) = name.and_then(host_and_port).filter(|_| unspecific) {
        row.insert("client_addr".to_owned(), Value::from(host));
    }
    row
}

/// `tcp://postgres@HOST:PORT/postgres`.
fn host_and_port(url: &str) -> Option<(String, u16)> {
    let rest = url.strip_prefix("tcp://")?;
    let authority = rest.split('/').next()?;
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    let (host, port) = address.rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?))
}

/// Rows of texts. `Err`: why there are none, as the tool says it.
async fn query(peer: &Peer, sql: &str) -> Result<Vec<Map<String, Value>>, String> {
    let (host, port) = host_and_port(&peer.pg_url).ok_or_else(|| "EINVAL".to_owned())?;
    let asking = async {
        let mut config = tokio_postgres::Config::new();
        config.host(host).port(port).user("postgres").dbname("postgres");
        let (client, connection) = config.connect(NoTls).await?;
        let connection = tokio::spawn(connection);
        let messages = client.simple_query(sql).await;
        connection.abort();
        messages
    };
    match tokio::time::timeout(QUERY_TIMEOUT, asking).await {
        Ok(Ok(messages)) => Ok(messages.iter().filter_map(row).collect()),
        Ok(Err(error)) => Err(cause(&error)),
        Err(_) => Err("postgres request timed out".to_owned()),
    }
}

fn row(message: &SimpleQueryMessage) -> Option<Map<String, Value>> {
    let SimpleQueryMessage::Row(row) = message else { return None };
    let cell = |(number, column): (usize, &tokio_postgres::SimpleColumn)| {
        let value = row.try_get(number).ok().flatten();
        (column.name().to_owned(), value.map_or(Value::Null, Value::from))
    };
    Some(row.columns().iter().enumerate().map(cell).collect())
}

/// The part of an error that the tool says: the number's name of one of the network, nothing of one of PostgreSQL's.
#[expect(clippy::wildcard_enum_match_arm, reason = "only those that are met have names")]
fn cause(error: &tokio_postgres::Error) -> String {
    let Some(error) = error.source().and_then(|source| source.downcast_ref::<io::Error>()) else {
        return "postgres: ".to_owned();
    };
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "ECONNREFUSED",
        io::ErrorKind::ConnectionReset => "ECONNRESET",
        io::ErrorKind::HostUnreachable => "EHOSTUNREACH",
        io::ErrorKind::NetworkUnreachable => "ENETUNREACH",
        io::ErrorKind::TimedOut => "ETIMEDOUT",
        io::ErrorKind::UnexpectedEof => "stream ended unexpectedly",
        _ => "EIO",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn urls_of_peers() {
        let url = "tcp://postgres@127.77.0.40:5432/postgres";
        assert_eq!(host_and_port(url), Some(("127.77.0.40".to_owned(), 5432)));
        assert_eq!(host_and_port("tcp://127.77.0.40:5432"), Some(("127.77.0.40".to_owned(), 5432)));
        assert_eq!(host_and_port("http://a:1"), None);
    }

    #[test]
    fn a_standby_is_known_by_its_url() {
        let row = |address: &str| {
            let name = "tcp://postgres@127.77.0.41:5432/postgres";
            let row = json!({"client_addr": address, "application_name": name});
            with_own_address(row.as_object().unwrap().clone())["client_addr"].clone()
        };
        assert_eq!(row("127.0.0.1"), "127.77.0.41");
        assert_eq!(row("127.77.0.99"), "127.77.0.99");
    }

    #[tokio::test]
    async fn nobody_listens() {
        let listener = std::net::TcpListener::bind("127.77.204.9:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let peer = json!({"id": "i", "ip": "i", "zoneId": "z", "backupUrl": "b",
            "pgUrl": format!("tcp://postgres@{address}/postgres")});
        let peer: Peer = serde_json::from_value(peer).unwrap();
        assert_eq!(ask(&peer, Role::Sync).await.error.as_deref(), Some("ECONNREFUSED"));
    }
}

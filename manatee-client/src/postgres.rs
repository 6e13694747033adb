//! Questions to one PostgreSQL server, each over a connection of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, SimpleQueryRow};

use crate::error::Cause;
use crate::lsn::Lsn;
use crate::peer::PgEndpoint;
use crate::printable::printable;
use crate::replication::{Downstream, ServerVersion};

/// One PostgreSQL server.
///
/// Every question opens a connection and closes it: servers are restarted under their clients whenever roles change, and what a
/// connection was told when it began (read-only or not) stays with it.
#[derive(Clone, Debug)]
pub struct Postgres {
    endpoint: PgEndpoint,
    timeout: Duration,
}

/// The settings that decide whether a server takes writes, as a connection sees them that was just opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writability {
    /// It replays another server's log.
    pub in_recovery: bool,
    /// Transactions are read-only by default: a primary's sync has not caught up yet, or never will.
    pub read_only: bool,
    /// `synchronous_standby_names`: empty while a primary has no sync to wait for.
    pub synchronous_standby_names: String,
}

impl Writability {
    /// Tells whether writes are accepted. They may still wait for a sync that is away.
    pub fn is_writable(&self) -> bool {
        !self.in_recovery && !self.read_only
    }

    /// Tells whether writes are accepted and confirmed by this standby, named by its `pgUrl`, as in a normal shard.
    pub fn is_writable_with_sync(&self, pg_url: &str) -> bool {
        let mut names = self.synchronous_standby_names.split(',');
        self.is_writable() && names.any(|name| name.trim().trim_matches('"') == pg_url)
    }
}

impl Postgres {
    /// The server there. Every question, connecting included, takes no longer than `timeout`.
    pub fn new(endpoint: PgEndpoint, timeout: Duration) -> Self {
        Self { endpoint, timeout }
    }

    /// Its endpoint.
    pub fn endpoint(&self) -> &PgEndpoint {
        &self.endpoint
    }

    /// Its version.
    ///
    /// # Errors
    ///
    /// [`PostgresError`], as for every question.
    pub async fn version(&self) -> Result<ServerVersion, PostgresError> {
        self.ask(async |connection| connection.version().await).await
    }

    /// Those that stream from it, oldest connection first.
    ///
    /// # Errors
    ///
    /// [`PostgresError`].
    pub async fn downstreams(&self) -> Result<Vec<Downstream>, PostgresError> {
        self.ask(async |connection| {
            let version = connection.version().await?;
            let rows = connection.rows(&version.replication_query()).await?;
            rows.iter().map(downstream).collect()
        })
        .await
    }

    /// The end of its own log. A standby refuses to tell.
    ///
    /// # Errors
    ///
    /// [`PostgresError`].
    pub async fn current_position(&self) -> Result<Lsn, PostgresError> {
        let position = self.position(ServerVersion::current_position_query).await?;
        position.ok_or(PostgresError::Answer { what: "no current position".to_owned() })
    }

    /// The position up to which it has replayed another server's log; `None` if it is no standby.
    ///
    /// # Errors
    ///
    /// [`PostgresError`].
    pub async fn replay_position(&self) -> Result<Option<Lsn>, PostgresError> {
        self.position(ServerVersion::replay_position_query).await
    }

    /// The position up to which it has received another server's log; `None` if it has not received any, or is no standby.
    ///
    /// # Errors
    ///
    /// [`PostgresError`].
    pub async fn receive_position(&self) -> Result<Option<Lsn>, PostgresError> {
        self.position(ServerVersion::receive_position_query).await
    }

    async fn position(
        &self,
        query: fn(ServerVersion) -> &'static str,
    ) -> Result<Option<Lsn>, PostgresError> {
        self.ask(async |connection| {
            let version = connection.version().await?;
            let row = connection.row(query(version)).await?;
            lsn(&row, "position")
        })
        .await
    }

    /// The time since the commit of the transaction that it replayed last, in seconds; `None` if it replayed none since it
    /// started. It grows while nothing is written, so it says nothing about how far a standby is behind.
    ///
    /// # Errors
    ///
    /// [`PostgresError`].
    pub async fn replay_age(&self) -> Result<Option<f64>, PostgresError> {
        self.ask(async |connection| {
            let row = connection
                .row("SELECT extract(epoch FROM now() - pg_last_xact_replay_timestamp()) AS age")
                .await?;
            let Some(age) = cell(&row, "age")? else { return Ok(None) };
            let age =
                age.parse().map_err(|_| PostgresError::Answer { what: format!("age {age:?}") })?;
            Ok(Some(age))
        })
        .await
    }

    /// Tells whether it takes writes.
    ///
    /// # Errors
    ///
    /// [`PostgresError`].
    pub async fn writability(&self) -> Result<Writability, PostgresError> {
        self.ask(async |connection| {
            let row = connection
                .row(
                    "SELECT pg_is_in_recovery() AS recovery, \
                     current_setting('default_transaction_read_only') AS read_only, \
                     current_setting('synchronous_standby_names') AS names",
                )
                .await?;
            let text = |name| Ok::<_, PostgresError>(cell(&row, name)?.unwrap_or_default());
            Ok(Writability {
                in_recovery: text("recovery")? == "t",
                read_only: text("read_only")? != "off",
                synchronous_standby_names: text("names")?.to_owned(),
            })
        })
        .await
    }

    /// The settings with these names, as the server shows them. Names that it does not know are left out.
    ///
    /// # Errors
    ///
    /// [`PostgresError`].
    pub async fn settings(
        &self,
        names: &[&str],
    ) -> Result<BTreeMap<String, String>, PostgresError> {
        self.ask(async |connection| {
            let rows = connection
                .rows("SELECT name, current_setting(name) AS value FROM pg_settings")
                .await?;
            let mut settings = BTreeMap::new();
            for row in &rows {
                let Some(name) = cell(row, "name")?.filter(|name| names.contains(name)) else {
                    continue;
                };
                if let Some(value) = cell(row, "value")? {
                    settings.insert(name.to_owned(), value.to_owned());
                }
            }
            Ok(settings)
        })
        .await
    }

    pub(crate) async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&Connection) -> Result<T, PostgresError>,
    ) -> Result<T, PostgresError> {
        let asking = async {
            let connection = Connection::open(&self.endpoint).await?;
            question(&connection).await
        };
        match tokio::time::timeout(self.timeout, asking).await {
            Ok(answer) => answer.map_err(|error| error.at(&self.endpoint)),
            Err(_) => Err(PostgresError::Timeout { after: self.timeout }.at(&self.endpoint)),
        }
    }
}

/// An open connection. It is closed when this goes.
pub(crate) struct Connection {
    client: Client,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    async fn open(endpoint: &PgEndpoint) -> Result<Self, PostgresError> {
        let mut config = tokio_postgres::Config::new();
        config
            .host(&endpoint.host)
            .port(endpoint.port)
            .user(&endpoint.user)
            .dbname(&endpoint.database)
            .application_name("manatee-client");
        let (client, connection) = config.connect(NoTls).await.map_err(classify)?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a PostgreSQL connection ended");
            }
        });
        Ok(Self { client, driver })
    }

    async fn version(&self) -> Result<ServerVersion, PostgresError> {
        let row = self.row("SHOW server_version_num").await?;
        let text = cell(&row, "server_version_num")?.unwrap_or_default();
        text.parse().map_err(|_| PostgresError::Answer { what: format!("version {text:?}") })
    }

    pub(crate) async fn rows(&self, query: &str) -> Result<Vec<SimpleQueryRow>, PostgresError> {
        let messages = self.client.simple_query(query).await.map_err(classify)?;
        Ok(messages
            .into_iter()
            .filter_map(
                |message| if let SimpleQueryMessage::Row(row) = message { Some(row) } else { None },
            )
            .collect())
    }

    async fn row(&self, query: &str) -> Result<SimpleQueryRow, PostgresError> {
        let row = self.rows(query).await?.into_iter().next();
        row.ok_or_else(|| PostgresError::Answer { what: "no row".to_owned() })
    }
}

/// A cell of a row; `None` if it is NULL. A server whose databases have no encoding may answer what is no text.
pub(crate) fn cell<'a>(
    row: &'a SimpleQueryRow,
    name: &str,
) -> Result<Option<&'a str>, PostgresError> {
    let unreadable = |_| PostgresError::Answer { what: format!("no readable {name}") };
    row.try_get(name).map_err(unreadable)
}

fn downstream(row: &SimpleQueryRow) -> Result<Downstream, PostgresError> {
    let text = |name| Ok::<_, PostgresError>(cell(row, name)?.map(str::to_owned));
    Ok(Downstream {
        application_name: text("application_name")?.unwrap_or_default(),
        client_addr: text("client_addr")?,
        state: text("state")?,
        sync_state: text("sync_state")?,
        sent: lsn(row, "sent")?,
        write: lsn(row, "write")?,
        flush: lsn(row, "flush")?,
        replay: lsn(row, "replay")?,
    })
}

fn lsn(row: &SimpleQueryRow, name: &str) -> Result<Option<Lsn>, PostgresError> {
    let Some(text) = cell(row, name)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| PostgresError::Answer { what: format!("{name} {text:?}") })
}

fn classify(error: tokio_postgres::Error) -> PostgresError {
    if let Some(answer) = error.as_db_error() {
        let (code, message) = (answer.code().code().to_owned(), answer.message().to_owned());
        return PostgresError::Refused { code, message };
    }
    let source: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(&error);
    let kind =
        source.and_then(|source| source.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    PostgresError::Connection { kind, source: error.into() }
}

/// A PostgreSQL server did not answer a question.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// At this server.
    #[error("PostgreSQL at {endpoint} did not answer")]
    At {
        /// Its endpoint.
        endpoint: PgEndpoint,
        /// The cause.
        #[source]
        source: Box<PostgresError>,
    },
    /// It takes too long.
    #[error("no answer within {after:?}")]
    Timeout {
        /// The time that it was waited for.
        after: Duration,
    },
    /// It cannot be reached, or the connection broke.
    #[error("the connection failed")]
    Connection {
        /// The operating system's word for it.
        kind: Option<std::io::ErrorKind>,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// It refused the connection or the query.
    #[error("it says: {} ({})", printable(message), printable(code))]
    Refused {
        /// The `SQLSTATE`.
        code: String,
        /// Its message.
        message: String,
    },
    /// It answered with something else.
    #[error("it answered with {what}")]
    Answer {
        /// The answer.
        what: String,
    },
}

impl PostgresError {
    fn at(self, endpoint: &PgEndpoint) -> Self {
        Self::At { endpoint: endpoint.clone(), source: Box::new(self) }
    }

    /// The reason itself, without the server.
    pub fn reason(&self) -> &Self {
        if let Self::At { source, .. } = self { source.reason() } else { self }
    }

    /// Tells whether nothing listens there.
    pub fn is_connection_refused(&self) -> bool {
        let refused = Some(std::io::ErrorKind::ConnectionRefused);
        matches!(self.reason(), Self::Connection { kind, .. } if *kind == refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sync_is_compared_by_its_whole_name() {
        let url = "tcp://postgres@10.0.0.1:5432/postgres";
        let primary = Writability {
            in_recovery: false,
            read_only: false,
            synchronous_standby_names: format!("\"{url}\""),
        };
        assert!(primary.is_writable_with_sync(url));
        assert!(!primary.is_writable_with_sync("tcp://postgres@10.0.0.1:5432/post"));
        assert!(!Writability { read_only: true, ..primary }.is_writable_with_sync(url));
    }
}

//! Small questions to a server, each over a connection of its own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpSocket;
use tokio::time::timeout;
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// The longest that connecting and the answer may take together.
const PATIENCE: Duration = Duration::from_secs(3);

/// A server, and the address to ask it from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The address at which the server listens.
    pub(crate) server: SocketAddrV4,
    /// The address from which connections come.
    pub(crate) source: Ipv4Addr,
}

/// A server did not answer a question.
#[derive(Debug, Error)]
pub(crate) enum QueryError {
    /// Nobody listens.
    #[error("cannot connect to PostgreSQL at {server}")]
    Connect {
        /// The address at which it should be.
        server: SocketAddrV4,
        /// The cause.
        source: io::Error,
    },
    /// It refused.
    #[error("PostgreSQL at {server} does not answer: {source}")]
    Refused {
        /// The server.
        server: SocketAddrV4,
        /// The cause.
        source: tokio_postgres::Error,
    },
    /// It takes too long.
    #[error("PostgreSQL at {server} did not answer within {PATIENCE:?}")]
    Silent {
        /// The server.
        server: SocketAddrV4,
    },
}

impl Endpoint {
    /// The first row of the answer, as text. `None`: there are no rows.
    ///
    /// # Errors
    /// The server does not answer, in time.
    pub(crate) async fn row(&self, sql: &str) -> Result<Option<Vec<Option<String>>>, QueryError> {
        match timeout(PATIENCE, self.ask(sql)).await {
            Ok(answer) => answer,
            Err(_) => Err(QueryError::Silent { server: self.server }),
        }
    }

    /// The first column of the first row.
    ///
    /// # Errors
    /// The server does not answer, in time.
    pub(crate) async fn value(&self, sql: &str) -> Result<Option<String>, QueryError> {
        Ok(self.row(sql).await?.and_then(|row| row.into_iter().next().flatten()))
    }

    /// Tells whether the server answers, as production's sitter asks it.
    ///
    /// # Errors
    /// It does not.
    pub(crate) async fn is_alive(&self) -> Result<(), QueryError> {
        self.value("select current_time").await.map(|_| ())
    }

    async fn ask(&self, sql: &str) -> Result<Option<Vec<Option<String>>>, QueryError> {
        let server = self.server;
        let connect = |source| QueryError::Connect { server, source };
        let refused = |source| QueryError::Refused { server, source };
        let socket = TcpSocket::new_v4().map_err(connect)?;
        socket.bind(SocketAddr::new(IpAddr::V4(self.source), 0)).map_err(connect)?;
        let stream = socket.connect(SocketAddr::V4(server)).await.map_err(connect)?;
        let mut config = tokio_postgres::Config::new();
        config.user("postgres").dbname("postgres").application_name("manatee-sitter");
        let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(refused)?;
        let connection = tokio::spawn(connection);
        let answer = client.simple_query(sql).await;
        drop(client);
        connection.abort();
        let first = answer.map_err(refused)?.into_iter().find_map(|message| {
            if let SimpleQueryMessage::Row(row) = message { Some(row) } else { None }
        });
        let Some(row) = first else { return Ok(None) };
        let cell = |column| Ok(row.try_get(column).map_err(refused)?.map(str::to_owned));
        (0..row.len()).map(cell).collect::<Result<_, _>>().map(Some)
    }
}

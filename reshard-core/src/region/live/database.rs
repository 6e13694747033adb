//! Connections to the database `moray` of a peer, for what Manatee's client does not ask.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use manatee_client::PgEndpoint;
use tokio::task::JoinHandle;
use tokio_postgres::error::DbError;
use tokio_postgres::types::{FromSql, FromSqlOwned, ToSql, WasNull, WrongType};
use tokio_postgres::{AsyncMessage, Client, IsolationLevel, NoTls, Row};

/// The database of a shard's metadata.
const DATABASE: &str = "moray";
/// The longest that connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// The number of notices that are kept until somebody takes them; later ones are dropped.
const NOTICES: usize = 64;

/// A connection to a shard's metadata; closed when this goes. It is the superuser's, as every Manatee peer lets one in.
pub struct Database {
    client: Client,
    driver: JoinHandle<()>,
    server: Arc<Server>,
}

/// The server that a connection leads to, and what it says there besides its answers.
#[derive(Debug)]
pub(crate) struct Server {
    endpoint: PgEndpoint,
    /// Its notices and warnings since somebody took them.
    notices: Mutex<Vec<DbError>>,
}

impl Server {
    fn note(&self, notice: DbError) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if notices.len() < NOTICES {
            notices.push(notice);
        }
    }

    /// Takes the notices that came since they were taken last. Those of a statement are here when its answer is.
    pub(crate) fn take_notices(&self) -> Vec<DbError> {
        std::mem::take(&mut self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Its address.
    pub(crate) fn endpoint(&self) -> &PgEndpoint {
        &self.endpoint
    }

    /// An error of this connection, with what was being done: `count the rows`.
    pub(crate) fn error(
        &self,
        doing: &'static str,
        source: tokio_postgres::Error,
    ) -> DatabaseError {
        DatabaseError { endpoint: Box::new(self.endpoint.clone()), doing, source }
    }
}

impl Database {
    /// Connects. No statement may take longer than `statement_timeout`.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]
    pub async fn connect(
        endpoint: &PgEndpoint,
        statement_timeout: Duration,
    ) -> Result<Self, DatabaseError> {
        let mut config = tokio_postgres::Config::new();
        config
            .host(&endpoint.host)
            .port(endpoint.port)
            .user(&endpoint.user)
            .dbname(DATABASE)
            .application_name("reshard")
            .connect_timeout(CONNECT)
            .options(format!("-c statement_timeout={}", statement_timeout.as_millis()));
        let failed = |source| DatabaseError {
            endpoint: Box::new(endpoint.clone()),
            doing: "connect",
            source,
        };
        let (client, mut connection) = config.connect(NoTls).await.map_err(failed)?;
        let server = Server { endpoint: endpoint.clone(), notices: Mutex::default() };
        let server = Arc::new(server);
        let listener = server.clone();
        let driver = tokio::spawn(async move {
            while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
                match message {
                    Ok(AsyncMessage::Notice(notice)) => listener.note(notice),
                    Ok(_) => {}
                    Err(error) => {
                        tracing::debug!(%error, "a PostgreSQL connection ended");
                        break;
                    }
                }
            }
        });
        Ok(Self { client, driver, server })
    }

    /// Begins a transaction that may write, in READ COMMITTED. It is rolled back when it goes, unless it is committed.
    pub(crate) async fn begin(&mut self) -> Result<tokio_postgres::Transaction<'_>, DatabaseError> {
        let builder = self.client.build_transaction();
        let builder = builder.isolation_level(IsolationLevel::ReadCommitted).read_only(false);
        builder.start().await.map_err(|source| self.server.error("begin a transaction", source))
    }

    /// Begins a transaction that only reads, all of it as it was when its first statement began.
    pub(crate) async fn begin_snapshot(
        &mut self,
    ) -> Result<tokio_postgres::Transaction<'_>, DatabaseError> {
        let builder = self.client.build_transaction();
        let builder = builder.isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        builder.start().await.map_err(|source| self.server.error("begin to read", source))
    }

    /// The server that it leads to, apart from the connection.
    pub(crate) fn server(&self) -> Arc<Server> {
        self.server.clone()
    }

    /// An error of this connection, with what was being done: `count the rows`.
    pub fn error(&self, doing: &'static str, source: tokio_postgres::Error) -> DatabaseError {
        self.server.error(doing, source)
    }

    /// The only cell of the only row that a query answers; `doing` is what it is asked for: `read the size`.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`], also if there is another number of rows, or a value of another type.
    pub async fn value<T: FromSqlOwned>(
        &self,
        doing: &'static str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<T, DatabaseError> {
        let row = self.query_one(sql, parameters).await;
        let row = row.map_err(|error| self.error(doing, error))?;
        self.cell(doing, &row, 0)
    }

    /// A cell of a row that it answered. What may be NULL has to be asked for as an `Option`.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] if it is NULL, or of another type.
    pub fn cell<'a, T: FromSql<'a>>(
        &self,
        doing: &'static str,
        row: &'a Row,
        column: usize,
    ) -> Result<T, DatabaseError> {
        row.try_get(column).map_err(|error| self.error(doing, error))
    }

    /// The server that it leads to.
    pub fn endpoint(&self) -> &PgEndpoint {
        self.server.endpoint()
    }
}

impl Deref for Database {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A shard's database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} at the database {DATABASE} of {host}", host = endpoint.host)]
pub struct DatabaseError {
    /// The server.
    pub endpoint: Box<PgEndpoint>,
    /// The thing that it was asked to do.
    pub doing: &'static str,
    /// The cause.
    pub source: tokio_postgres::Error,
}

impl DatabaseError {
    /// PostgreSQL's code, such as `57014` where a statement took too long.
    pub fn code(&self) -> Option<&str> {
        self.source.code().map(tokio_postgres::error::SqlState::code)
    }

    /// Tells whether trying again, having looked what is there, can help: the connection failed, or PostgreSQL gave up for a
    /// reason of the moment (timeouts, locks, restarts, resources).
    pub fn is_retryable(&self) -> bool {
        match self.code() {
            Some(code) => is_of_the_moment(code),
            None => !self.is_of_a_value(),
        }
    }

    /// Tells whether a value is not what it was taken for, which it will not be the next time either.
    fn is_of_a_value(&self) -> bool {
        let cause = StdError::source(&self.source);
        cause.is_some_and(|cause| cause.is::<WasNull>() || cause.is::<WrongType>())
    }
}

/// Tells whether PostgreSQL's code is of a reason that may pass: timeouts, locks, restarts, resources.
pub(crate) fn is_of_the_moment(code: &str) -> bool {
    ["08", "25", "40", "53", "55", "57"].iter().any(|class| code.starts_with(class))
}

//! Sessions with the primary of a shard, and transactions in them.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moray_client::ServerError;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use super::error;
use super::values::Parameter;

/// Sessions at most, as Moray has by default.
const SESSIONS: usize = 16;
/// How long a request waits for a session.
const PATIENCE: Duration = Duration::from_secs(4);

/// The sessions with a shard's primary, of which each request takes one.
#[derive(Debug)]
pub(super) struct Pool {
    primary: watch::Receiver<Option<SocketAddr>>,
    /// The zone's own address.
    source: Ipv4Addr,
    idle: Mutex<Vec<Session>>,
    permits: Arc<Semaphore>,
}

struct Session {
    client: Client,
    server: SocketAddr,
    statements: HashMap<String, Statement>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Pool {
    pub(super) fn new(primary: watch::Receiver<Option<SocketAddr>>, source: Ipv4Addr) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(SESSIONS));
        Arc::new(Self { primary, source, idle: Mutex::default(), permits })
    }

    /// Begins a transaction at the primary.
    pub(super) async fn begin(self: &Arc<Self>) -> Result<Transaction, ServerError> {
        let permits = Arc::clone(&self.permits).acquire_owned();
        let timeout = || error::connect_timeout(PATIENCE.as_millis());
        let permit = tokio::time::timeout(PATIENCE, permits).await.map_err(|_| timeout())?;
        let permit = permit.map_err(|_| error::not_connected())?;
        let mut primary = self.primary.clone();
        let Some(server) = *primary.borrow_and_update() else {
            return Err(error::no_peers("the cluster state names no primary"));
        };
        let session = match self.take_idle(server) {
            Some(session) => session,
            None => tokio::time::timeout(PATIENCE, self.connect(server, "moray"))
                .await
                .map_err(|_| timeout())??,
        };
        let pool = Arc::clone(self);
        Ok(Transaction { pool, session, primary, begun: false, _permit: permit })
    }

    /// A session with this server that nobody uses. Those with other servers, and broken ones, are given up.
    fn take_idle(&self, server: SocketAddr) -> Option<Session> {
        let mut idle = self.lock_idle();
        idle.retain(|session| session.server == server && !session.client.is_closed());
        idle.pop()
    }

    fn lock_idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session of a user with the database of the same name.
    async fn connect(&self, server: SocketAddr, user: &str) -> Result<Session, ServerError> {
        let socket =
            self.socket(server).await.map_err(|error| error::no_peers(&error.to_string()))?;
        let mut config = Config::new();
        config.user(user).password(user).dbname(user).application_name("moray");
        let connected = config.connect_raw(socket, NoTls).await;
        let (client, connection) = connected.map_err(|error| {
            let refusal = error.as_db_error().map(|refusal| refusal.message().to_owned());
            error::no_peers(&refusal.unwrap_or_else(|| error.to_string()))
        })?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%server, error = &error as &dyn std::error::Error, "a session broke");
            }
        });
        Ok(Session { client, server, statements: HashMap::new() })
    }

    async fn socket(&self, server: SocketAddr) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddrV4::new(self.source, 0).into())?;
        let stream = socket.connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Waits until there is a primary that takes writes.
    pub(super) async fn writable(self: &Arc<Self>) {
        let mut last = String::new();
        loop {
            let why = match self.is_made_and_writable().await {
                Ok(true) => return,
                Ok(false) => "the primary takes no writes yet".to_owned(),
                Err(error) => error.to_string(),
            };
            // Once is enough.
            if why != last {
                tracing::info!(why, "not listening yet");
                last = why;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Asks first whether role and database are there: PostgreSQL logs an error for each that asks for them in vain.
    async fn is_made_and_writable(self: &Arc<Self>) -> Result<bool, ServerError> {
        let Some(server) = *self.primary.borrow() else {
            return Err(error::no_peers("the cluster state names no primary"));
        };
        let is_made = async {
            let superuser = self.connect(server, "postgres").await?.client;
            let sql = "SELECT FROM pg_database JOIN pg_roles ON rolname = datname WHERE datname = 'moray'";
            let found = superuser.query_opt(sql, &[]).await;
            found.map(|row| row.is_some()).map_err(|error| error::of_statement(&error))
        };
        let timeout = |_| error::connect_timeout(PATIENCE.as_millis());
        if tokio::time::timeout(PATIENCE, is_made).await.map_err(timeout)?? {
            self.is_writable().await
        } else {
            Err(error::no_peers("the primary has no database moray yet"))
        }
    }

    async fn is_writable(self: &Arc<Self>) -> Result<bool, ServerError> {
        let mut transaction = self.begin().await?;
        let sql = "SELECT current_setting('transaction_read_only') = 'off'";
        let rows = transaction.query(sql, &[]).await;
        let writable = transaction.end(rows).await?;
        Ok(writable.first().and_then(|row| row.try_get(0).ok()).unwrap_or(false))
    }
}

/// A transaction. Dropped before its end, it is undone.
pub(super) struct Transaction {
    pool: Arc<Pool>,
    session: Session,
    primary: watch::Receiver<Option<SocketAddr>>,
    begun: bool,
    _permit: OwnedSemaphorePermit,
}

impl Transaction {
    /// Runs a statement. It is prepared once in each session.
    pub(super) async fn query(
        &mut self,
        sql: &str,
        parameters: &[Parameter],
    ) -> Result<Vec<Row>, ServerError> {
        let Session { client, statements, server } = &mut self.session;
        let begun = std::mem::replace(&mut self.begun, true);
        let work = async {
            // The first statement goes with BEGIN, without waiting for its answer.
            let begin = async { if begun { Ok(()) } else { client.batch_execute("BEGIN").await } };
            let statement = async {
                match statements.get(sql) {
                    Some(statement) => Ok(statement.clone()),
                    None => client.prepare(sql).await,
                }
            };
            let run = async {
                let statement = statement.await?;
                let parameters: Vec<&(dyn ToSql + Sync)> =
                    parameters.iter().map(|parameter| parameter as &(dyn ToSql + Sync)).collect();
                let rows = client.query(&statement, &parameters).await?;
                Ok::<_, tokio_postgres::Error>((rows, statement))
            };
            let (begin, run) = tokio::join!(begin, run);
            begin.and(run)
        };
        let result = tokio::select! {
            result = work => result,
            () = replaced(&mut self.primary, *server) => return Err(error::not_connected()),
        };
        let (rows, statement) = result.map_err(|error| error::of_statement(&error))?;
        if !statements.contains_key(sql) {
            statements.insert(sql.to_owned(), statement);
        }
        Ok(rows)
    }

    /// Runs a statement whose text is new each time.
    pub(super) async fn query_once(
        &mut self,
        sql: &str,
        parameters: &[Parameter],
    ) -> Result<Vec<Row>, ServerError> {
        let rows = self.query(sql, parameters).await;
        self.session.statements.remove(sql);
        rows
    }

    /// Runs several statements that have no parameters.
    pub(super) async fn execute(&mut self, sql: &str) -> Result<(), ServerError> {
        let begin = if std::mem::replace(&mut self.begun, true) { "" } else { "BEGIN;" };
        let run = self.session.client.batch_execute(&format!("{begin}{sql}")).await;
        run.map_err(|error| error::of_statement(&error))
    }

    /// Commits the transaction if its work was done, and undoes it otherwise. What is returned is true only after the
    /// primary has confirmed the commit.
    pub(super) async fn end<T>(mut self, result: Result<T, ServerError>) -> Result<T, ServerError> {
        let (statement, server) =
            (if result.is_ok() { "COMMIT" } else { "ROLLBACK" }, self.session.server);
        let ended = tokio::select! {
            ended = self.session.client.batch_execute(statement) => ended,
            // A synchronous commit can wait for ever on a primary that is none any longer.
            () = replaced(&mut self.primary, server) => {
                return result.and_then(|_| Err(error::commit_unknown()));
            }
        };
        match ended {
            Ok(()) => {
                self.pool.lock_idle().push(self.session);
                result
            }
            Err(error) => result.and_then(|_| Err(error::of_commit(&error))),
        }
    }
}

/// Waits until another server is the primary.
async fn replaced(primary: &mut watch::Receiver<Option<SocketAddr>>, server: SocketAddr) {
    if primary.wait_for(|primary| *primary != Some(server)).await.is_err() {
        // Nobody follows any longer: nothing will change.
        std::future::pending::<()>().await;
    }
}

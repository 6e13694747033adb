//! Sessions with the primary of a shard, and transactions in them.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moray_client::ServerError;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use super::error;
use super::queue::Queue;
use super::values::Parameter;

/// Sessions at most, as Manta configures Moray.
const SESSIONS: usize = 16;
/// The longest that one attempt to connect may take.
const CONNECTING: Duration = Duration::from_secs(4);
/// The time for which a transaction goes on at a server that is the primary no longer. The real Moray waits until TCP gives
/// the other side up, which it never does for a process of this machine that stands still.
const LINGER: Duration = Duration::from_secs(5);
/// The time between attempts to connect.
const RETRY: Duration = Duration::from_millis(250);

/// The sessions with a shard's primary, of which each request takes one.
#[derive(Debug)]
pub(super) struct Pool {
    primary: watch::Receiver<Option<SocketAddr>>,
    /// The zone's own address.
    source: Ipv4Addr,
    idle: Mutex<Vec<Session>>,
    queue: Queue,
    /// Counts the open sessions: each has one of these.
    open: Arc<()>,
}

struct Session {
    client: Client,
    server: SocketAddr,
    statements: HashMap<String, Statement>,
    _open: Arc<()>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("server", &self.server).finish_non_exhaustive()
    }
}

/// The reason why there is no session with a server.
#[derive(Debug, thiserror::Error)]
enum NoSession {
    #[error("no socket")]
    Socket(#[from] std::io::Error),
    #[error("PostgreSQL refuses")]
    Postgres(#[from] tokio_postgres::Error),
    #[error("not connected within {CONNECTING:?}")]
    TimedOut,
}

impl Pool {
    pub(super) fn new(primary: watch::Receiver<Option<SocketAddr>>, source: Ipv4Addr) -> Arc<Self> {
        let queue = Queue::new(SESSIONS);
        Arc::new(Self { primary, source, idle: Mutex::default(), queue, open: Arc::new(()) })
    }

    /// Begins a transaction at the primary, when a session with it is free: a request waits for that in a queue, also
    /// while there is no primary or none that answers. Each statement of it may take as long as `limit` says.
    pub(super) async fn begin(
        self: &Arc<Self>,
        limit: Option<Duration>,
    ) -> Result<Transaction, ServerError> {
        let place = self.queue.enter().ok_or_else(error::overloaded)?;
        let claim = async {
            let permit = place.turn().await;
            (self.session().await, permit)
        };
        match tokio::time::timeout(place.patience(), claim).await {
            Ok((session, Some(permit))) => {
                let pool = Arc::clone(self);
                Ok(Transaction {
                    pool,
                    session,
                    limit,
                    begun: false,
                    given_up: false,
                    _permit: permit,
                })
            }
            // As the real one: it is called overloaded unless there is no session at all.
            Ok((_, None)) | Err(_) if Arc::strong_count(&self.open) > 1 => Err(error::overloaded()),
            Ok((_, None)) | Err(_) => Err(error::no_backend()),
        }
    }

    /// A session with the primary, as soon as there is one.
    async fn session(&self) -> Session {
        let mut primary = self.primary.clone();
        loop {
            let server = *primary.borrow_and_update();
            if let Some(server) = server {
                if let Some(session) = self.take_idle(server) {
                    return session;
                }
                match self.connect(server, "moray").await {
                    Ok(session) => return session,
                    Err(error) => tracing::debug!(
                        %server,
                        error = &error as &dyn std::error::Error,
                        "cannot connect; trying again"
                    ),
                }
            }
            // Another primary is a reason to try at once.
            drop(tokio::time::timeout(RETRY, primary.changed()).await);
        }
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

    /// A session of a user with the database of the same name. As the real one's, it sets nothing, not even a name.
    async fn connect(&self, server: SocketAddr, user: &str) -> Result<Session, NoSession> {
        let connected = tokio::time::timeout(CONNECTING, async {
            let socket = self.socket(server).await?;
            let mut config = Config::new();
            config.user(user).password(user).dbname(user);
            Ok::<_, NoSession>(config.connect_raw(socket, NoTls).await?)
        });
        let (client, connection) = connected.await.map_err(|_| NoSession::TimedOut)??;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%server, error = &error as &dyn std::error::Error, "a session broke");
            }
        });
        let statements = HashMap::new();
        Ok(Session { client, server, statements, _open: Arc::clone(&self.open) })
    }

    async fn socket(&self, server: SocketAddr) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddrV4::new(self.source, 0).into())?;
        let stream = socket.connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Waits until there is a primary that takes writes.
    pub(super) async fn writable(&self) {
        let mut last = String::new();
        loop {
            let why = match self.is_made_and_writable().await {
                Ok(None) => return,
                Ok(Some(why)) => why.to_owned(),
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

    /// Tells what lacks yet. Role and database are asked for by a superuser: PostgreSQL logs an error for each attempt to
    /// connect to a database that is not there.
    async fn is_made_and_writable(&self) -> Result<Option<&'static str>, NoSession> {
        let Some(server) = *self.primary.borrow() else {
            return Ok(Some("the cluster state names no primary"));
        };
        let superuser = self.connect(server, "postgres").await?.client;
        let sql = "SELECT current_setting('transaction_read_only') = 'off' \
                   FROM pg_database JOIN pg_roles ON rolname = datname WHERE datname = 'moray'";
        Ok(match superuser.query_opt(sql, &[]).await?.map(|row| row.try_get(0)).transpose()? {
            None => Some("the primary has no database moray yet"),
            Some(false) => Some("the primary takes no writes yet"),
            Some(true) => None,
        })
    }
}

/// A transaction. Dropped before its end, it is undone. It ends where it has begun, whichever server is the primary by then.
pub(super) struct Transaction {
    pool: Arc<Pool>,
    session: Session,
    limit: Option<Duration>,
    begun: bool,
    /// A statement is still under way that nobody waits for.
    given_up: bool,
    _permit: OwnedSemaphorePermit,
}

impl Transaction {
    /// Runs a statement. It is prepared once in each session.
    pub(super) async fn query(
        &mut self,
        sql: &str,
        parameters: &[Parameter],
    ) -> Result<Vec<Row>, ServerError> {
        let Session { client, statements, server, .. } = &mut self.session;
        let server = *server;
        if client.is_closed() {
            return Err(error::client_failed());
        }
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
        let limit = self.limit;
        let too_long = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            done = work => Ok(done),
            () = too_long => Err(error::query_timeout(sql)),
            () = outlived(&self.pool.primary, server) => Err(error::connection_terminated()),
        };
        let done = ended.inspect_err(|_| self.given_up = true)?;
        let (rows, statement) = done.map_err(|error| error::of_statement(&error))?;
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
    pub(super) async fn end<T>(self, result: Result<T, ServerError>) -> Result<T, ServerError> {
        if self.given_up {
            // The session ends with its statement, and that undoes the transaction.
            return result;
        }
        let statement = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = tokio::select! {
            ended = self.session.client.batch_execute(statement) => ended,
            () = outlived(&self.pool.primary, self.session.server) => {
                return result.and_then(|_| Err(error::connection_terminated()));
            }
        };
        match ended {
            Ok(()) => {
                if *self.pool.primary.borrow() == Some(self.session.server) {
                    self.pool.lock_idle().push(self.session);
                }
                result
            }
            Err(error) => result.and_then(|_| Err(error::of_statement(&error))),
        }
    }
}

/// Waits until another server has been the primary for a while.
async fn outlived(primary: &watch::Receiver<Option<SocketAddr>>, server: SocketAddr) {
    if primary.clone().wait_for(|primary| *primary != Some(server)).await.is_err() {
        // Nobody follows any longer: nothing will change.
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(LINGER).await;
}

//! Transactions in sessions with a shard's primary.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use moray_client::ServerError;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::error;
use super::pool::Pool;
use super::session::Session;
use super::values::Parameter;

/// As the real one begins what may write, whatever the database's default is.
const BEGIN: &str = "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED";
/// The time between two looks at a server that is the primary no longer and has something to finish.
const LINGER: Duration = Duration::from_secs(3);
/// The time in which such a server has to answer. The real Moray waits until TCP gives the other side up, which it never does for
/// a process of this machine that stands still.
const ANSWER: Duration = Duration::from_secs(2);

/// A transaction. Dropped before its end, it is undone. It ends where it has begun, whichever server is the primary by then.
pub(super) struct Transaction {
    pool: Arc<Pool>,
    session: Session,
    limit: Option<Duration>,
    begun: bool,
    /// A statement is still under way that nobody waits for.
    given_up: bool,
}

impl Transaction {
    /// Begins one at the primary, when a session with it is free. Each statement of it may take as long as `limit` says.
    pub(super) async fn begin(
        pool: &Arc<Pool>,
        limit: Option<Duration>,
    ) -> Result<Self, ServerError> {
        let session = pool.claim().await?;
        Ok(Self { pool: Arc::clone(pool), session, limit, begun: false, given_up: false })
    }

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
            let begin = async { if begun { Ok(()) } else { client.batch_execute(BEGIN).await } };
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
            () = outlived(&self.pool, server) => Err(error::connection_terminated()),
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
        let begun = std::mem::replace(&mut self.begun, true);
        let begin = if begun { String::new() } else { format!("{BEGIN};") };
        let run = self.session.client.batch_execute(&format!("{begin}{sql}")).await;
        run.map_err(|error| error::of_statement(&error))
    }

    /// Commits the transaction if its work was done, and undoes it otherwise. What is returned is true only after the
    /// primary has confirmed the commit. The session goes back unless it broke.
    pub(super) async fn end<T>(self, result: Result<T, ServerError>) -> Result<T, ServerError> {
        if self.given_up {
            // The session ends with its statement, and that undoes the transaction.
            return result;
        }
        let statement = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = tokio::select! {
            ended = self.session.client.batch_execute(statement) => ended,
            () = outlived(&self.pool, self.session.server) => {
                return result.and_then(|_| Err(error::connection_terminated()));
            }
        };
        match ended {
            Ok(()) => {
                self.pool.give_back(self.session);
                result
            }
            Err(error) => result.and_then(|_| Err(error::of_statement(&error))),
        }
    }
}

/// Waits until a server is the primary no longer and does not answer either: one that does may finish what it has begun.
async fn outlived(pool: &Pool, server: SocketAddr) {
    if pool.primary.clone().wait_for(|primary| *primary != Some(server)).await.is_err() {
        // Nobody follows any longer: nothing will change.
        std::future::pending::<()>().await;
    }
    loop {
        tokio::time::sleep(LINGER).await;
        if !pool.connector.is_alive(server, ANSWER).await {
            return;
        }
    }
}

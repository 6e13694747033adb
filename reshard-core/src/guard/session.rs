//! Connections that act for a plan: every transaction begins with a look at the plan's lease.

use std::sync::Arc;
use std::time::Duration;

use manatee_client::PgEndpoint;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, FromSqlOwned, ToSql};

use super::commit::{CommitError, commit};
use super::error::GuardError;
use crate::PlanUuid;
use crate::deployment::{Database, DatabaseError};
use crate::region::Server;

/// The longest that a statement of a connection may take that this module opens.
pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// The right to act for a plan at a database (rule R8).
///
/// Whoever takes over takes a higher epoch, and thereby waits for the transactions of whoever had it before; none that begins
/// later gets past its first statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The plan.
    pub plan: PlanUuid,
    /// The epoch; the highest one acts.
    pub epoch: i64,
}

impl Lease {
    /// Takes the lease at a database in which the guard is installed. Taking one again that one has changes nothing.
    ///
    /// # Errors
    ///
    /// [`GuardError::LeaseLost`] if somebody has a higher epoch.
    pub async fn take(self, database: Database) -> Result<Session, GuardError> {
        // Manatee's servers confirm what the standby has only received.
        let doing = "ask for confirmed commits";
        let done = database.batch_execute("SET synchronous_commit = on").await;
        done.map_err(|source| database.error(doing, source))?;
        let mut session = Session { database, lease: self };
        let transaction = session.begin_without_lease().await?;
        let sql = "INSERT INTO reshard.lease (plan, epoch) VALUES ($1::text::uuid, $2) \
                   ON CONFLICT (plan) DO UPDATE SET epoch = excluded.epoch \
                   WHERE lease.epoch < excluded.epoch";
        let plan = self.plan.to_string();
        transaction.execute("take a plan's lease", sql, &[&plan, &self.epoch]).await?;
        transaction.check_lease().await?;
        transaction.commit().await?;
        Ok(session)
    }

    /// Connects, and takes the lease there. No statement may take longer than half a minute.
    pub(super) async fn connect(self, endpoint: &PgEndpoint) -> Result<Session, GuardError> {
        self.take(Database::connect(endpoint, STATEMENT_TIMEOUT).await?).await
    }
}

/// A connection that acts for a plan.
pub struct Session {
    database: Database,
    lease: Lease,
}

impl Session {
    /// The connection, for questions.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The lease under which it acts.
    pub fn lease(&self) -> Lease {
        self.lease
    }

    /// Begins a transaction, in READ COMMITTED, which holds the lease to its end.
    ///
    /// # Errors
    ///
    /// [`GuardError::LeaseLost`] if the lease is somebody else's; otherwise [`GuardError::Database`].
    pub async fn begin(&mut self) -> Result<Transaction<'_>, GuardError> {
        let transaction = self.begin_without_lease().await?;
        transaction.check_lease().await?;
        Ok(transaction)
    }

    /// Begins a transaction that only reads, all of it as it was at one moment: that of its first statement. It needs no lease.
    pub(super) async fn begin_snapshot(&mut self) -> Result<Transaction<'_>, GuardError> {
        let (server, lease) = (self.database.server(), self.lease);
        Ok(Transaction { inner: self.database.begin_snapshot().await?, server, lease })
    }

    async fn begin_without_lease(&mut self) -> Result<Transaction<'_>, GuardError> {
        let (server, lease) = (self.database.server(), self.lease);
        Ok(Transaction { inner: self.database.begin().await?, server, lease })
    }
}

/// A transaction that acts for a plan. It is rolled back when it goes, unless it is committed.
pub struct Transaction<'a> {
    inner: tokio_postgres::Transaction<'a>,
    server: Arc<Server>,
    lease: Lease,
}

impl Transaction<'_> {
    /// Runs a statement and counts the rows that it changed. `doing` says what for: `fence the move`.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]
    pub async fn execute(
        &self,
        doing: &'static str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, DatabaseError> {
        let done = self.inner.execute(sql, parameters).await;
        done.map_err(|source| self.server.error(doing, source))
    }

    /// Runs several statements without parameters.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]
    pub async fn batch(&self, doing: &'static str, sql: &str) -> Result<(), DatabaseError> {
        let done = self.inner.batch_execute(sql).await;
        done.map_err(|source| self.server.error(doing, source))
    }

    /// Asks for rows.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]
    pub async fn query(
        &self,
        doing: &'static str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, DatabaseError> {
        let rows = self.inner.query(sql, parameters).await;
        rows.map_err(|source| self.server.error(doing, source))
    }

    /// Asks for the only cell of the only row.
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
        let row = self.inner.query_one(sql, parameters).await;
        let row = row.map_err(|source| self.server.error(doing, source))?;
        self.cell(doing, &row, 0)
    }

    /// Reads a cell of a row. What may be NULL has to be asked for as an `Option`.
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
        row.try_get(column).map_err(|source| self.server.error(doing, source))
    }

    /// The transaction below, for `COPY`.
    pub(super) fn inner(&self) -> &tokio_postgres::Transaction<'_> {
        &self.inner
    }

    /// An error of something that was done with [`Transaction::inner`].
    pub(super) fn error(
        &self,
        doing: &'static str,
        source: tokio_postgres::Error,
    ) -> DatabaseError {
        self.server.error(doing, source)
    }

    /// The lease under which it acts.
    pub(super) fn lease(&self) -> Lease {
        self.lease
    }

    async fn check_lease(&self) -> Result<(), GuardError> {
        let doing = "look at the plan's lease";
        let sql = "SELECT epoch FROM reshard.lease WHERE plan = $1::text::uuid FOR SHARE";
        let rows = self.query(doing, sql, &[&self.lease.plan.to_string()]).await?;
        let found = rows.first().map(|row| self.cell(doing, row, 0)).transpose()?;
        if found == Some(self.lease.epoch) {
            return Ok(());
        }
        Err(GuardError::LeaseLost { lease: self.lease, host: self.host(), found })
    }

    /// The server's address.
    pub(super) fn host(&self) -> String {
        self.server.endpoint().host.clone()
    }

    /// Commits. It is done only if this says so: the primary has it on disk, and the standby that it waits for as well.
    ///
    /// # Errors
    ///
    /// [`CommitError`]
    pub async fn commit(self) -> Result<(), CommitError> {
        commit(self.inner, &self.server).await
    }

    /// Rolls back, and waits until that is done.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]
    pub async fn rollback(self) -> Result<(), DatabaseError> {
        self.inner.rollback().await.map_err(|source| self.server.error("roll back", source))
    }
}

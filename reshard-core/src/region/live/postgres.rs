//! PostgreSQL servers.

use std::time::Duration;

use async_trait::async_trait;
use manatee_client::{
    ClusterView, Downstream, Lsn, PgEndpoint, Postgres, PostgresError, RunningDump, ServerVersion,
    Shard, ShardError, Writability, running_dump,
};

use super::database::{Database, DatabaseError};
use crate::region::ports::{Databases, Transactions};

/// The longest that a server may take for a question that costs it nothing.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The servers themselves. Each question has a connection of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct PostgresDatabases;

fn server(at: &PgEndpoint) -> Postgres {
    Postgres::new(at.clone(), TIMEOUT)
}

#[async_trait]
impl Databases for PostgresDatabases {
    async fn version(&self, at: &PgEndpoint) -> Result<ServerVersion, PostgresError> {
        server(at).version().await
    }

    async fn current_position(&self, at: &PgEndpoint) -> Result<Lsn, PostgresError> {
        server(at).current_position().await
    }

    async fn replay_position(&self, at: &PgEndpoint) -> Result<Option<Lsn>, PostgresError> {
        server(at).replay_position().await
    }

    async fn downstreams(&self, at: &PgEndpoint) -> Result<Vec<Downstream>, PostgresError> {
        server(at).downstreams().await
    }

    async fn writability(&self, at: &PgEndpoint) -> Result<Writability, PostgresError> {
        server(at).writability().await
    }

    async fn running_dump(
        &self,
        at: &PgEndpoint,
        port: u16,
        limit: Duration,
    ) -> Result<RunningDump, PostgresError> {
        running_dump(at, port, limit).await
    }

    async fn view(&self, shard: &Shard, limit: Duration) -> Result<ClusterView, ShardError> {
        ClusterView::load(shard, limit).await
    }

    async fn transactions(
        &self,
        at: &PgEndpoint,
        limit: Duration,
    ) -> Result<Box<dyn Transactions>, DatabaseError> {
        Ok(Box::new(Database::connect(at, limit).await?))
    }

    async fn checkpoint(&self, at: &PgEndpoint, limit: Duration) -> Result<(), DatabaseError> {
        let database = Database::connect(at, limit).await?;
        let done = database.batch_execute("CHECKPOINT").await;
        done.map_err(|source| database.error("make a checkpoint", source))
    }

    async fn connect(
        &self,
        at: &PgEndpoint,
        statement_timeout: Duration,
    ) -> Result<Database, DatabaseError> {
        Database::connect(at, statement_timeout).await
    }
}

//! The questions to a region's servers. A test or a simulation answers them by implementing these traits, and gives them to
//! [`Deployment`](crate::Deployment).

use std::time::Duration;

use async_trait::async_trait;
use manatee_client::{
    ClusterView, Downstream, Lsn, PgEndpoint, PostgresError, RunningDump, ServerVersion, Shard,
    ShardError, Writability,
};
use moray_client::{ClientOptions, DeleteOptions, Object, Put, PutOptions};
use serde_json::Value;

use super::live::{Database, DatabaseError, MonitorError};
use super::router_status::RouterStatus;
use super::transactions::OpenTransaction;

/// Asks PostgreSQL servers.
#[async_trait]
pub trait Databases: Send + Sync {
    /// The server's version.
    async fn version(&self, at: &PgEndpoint) -> Result<ServerVersion, PostgresError>;

    /// The end of the server's own log. A standby refuses to tell.
    async fn current_position(&self, at: &PgEndpoint) -> Result<Lsn, PostgresError>;

    /// The position up to which the server has replayed another one's log; `None` if it is no standby.
    async fn replay_position(&self, at: &PgEndpoint) -> Result<Option<Lsn>, PostgresError>;

    /// Those that stream from the server, oldest connection first.
    async fn downstreams(&self, at: &PgEndpoint) -> Result<Vec<Downstream>, PostgresError>;

    /// Tells whether the server takes writes.
    async fn writability(&self, at: &PgEndpoint) -> Result<Writability, PostgresError>;

    /// Tells whether a dump's own server runs beside this one, on another port of its host.
    async fn running_dump(
        &self,
        at: &PgEndpoint,
        port: u16,
        limit: Duration,
    ) -> Result<RunningDump, PostgresError>;

    /// A shard's state, and what each of its peers says of itself within `limit`.
    async fn view(&self, shard: &Shard, limit: Duration) -> Result<ClusterView, ShardError>;

    /// Connects to look at transactions. No question may take longer than `limit`.
    async fn transactions(
        &self,
        at: &PgEndpoint,
        limit: Duration,
    ) -> Result<Box<dyn Transactions>, DatabaseError>;

    /// Has the server write its dirty pages, which may take so long.
    async fn checkpoint(&self, at: &PgEndpoint, limit: Duration) -> Result<(), DatabaseError>;

    /// Connects to a shard's metadata for work on its rows, which is SQL over a connection of its own: a simulation that has no
    /// rows refuses. No statement may take longer than `statement_timeout`.
    async fn connect(
        &self,
        at: &PgEndpoint,
        statement_timeout: Duration,
    ) -> Result<Database, DatabaseError>;
}

/// Asks one PostgreSQL server, over a connection that stays open, about transactions in a shard's metadata.
#[async_trait]
pub trait Transactions: Send + Sync {
    /// The server's time so long ago, as text that keeps all of its digits.
    async fn server_time(&self, ago: Duration) -> Result<String, DatabaseError>;

    /// The transactions of the server's clients that began before this time of its own, and all that are prepared. One that has
    /// not written yet may still write, so it counts, whatever it did.
    async fn open_before(&self, time: &str) -> Result<Vec<OpenTransaction>, DatabaseError>;

    /// The snapshot of transactions that the server has seen the end of: `txid_current_snapshot()`.
    async fn snapshot(&self) -> Result<String, DatabaseError>;
}

/// Gives access to the objects behind Moray and electric-moray processes.
pub trait Objects: Send + Sync {
    /// A client of the process at an address such as `10.0.0.1:2020`. Nothing is connected yet.
    fn at(&self, address: &str, options: ClientOptions) -> Box<dyn Moray>;
}

/// Asks one Moray, or an electric-moray, which tells with each answer at which vnode and pnode its ring has the key.
#[async_trait]
pub trait Moray: Send + Sync {
    /// The address that was asked for.
    fn address(&self) -> &str;

    /// An object.
    async fn get(&self, bucket: &str, key: &str) -> Result<Object, moray_client::Error>;

    /// Puts an object.
    async fn put(
        &self,
        bucket: &str,
        key: &str,
        value: &Value,
        options: &PutOptions,
    ) -> Result<Put, moray_client::Error>;

    /// Deletes an object.
    async fn delete(
        &self,
        bucket: &str,
        key: &str,
        options: &DeleteOptions,
    ) -> Result<(), moray_client::Error>;
}

/// Asks electric-moray processes about themselves.
#[async_trait]
pub trait Routers: Send + Sync {
    /// The status of the process that tells it at this port.
    async fn status(&self, ip: &str, port: u16) -> Result<RouterStatus, MonitorError>;
}

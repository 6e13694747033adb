//! Running PostgreSQL in the role that a peer has.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use postgres_protocol::escape::escape_literal;
use serde_json::json;
use thiserror::Error;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::machine::PostgresConfig;
use super::restore::{RestoreError, Restorer};
use super::shell::Message;
use super::state::{Lsn, Peer};
use super::status::Status;
use crate::postgres::{Cluster, ClusterError, Endpoint, Replication, Server, Settings, StartError};

/// The longest that a server may take to start before a standby is thought to be broken.
const START: Duration = Duration::from_mins(5);
/// The interval at which a primary looks whether its sync has caught up.
const CATCH_UP: Duration = Duration::from_millis(250);
/// The longest that a sync may make no progress. Then the primary stays read-only until something else happens.
const NO_PROGRESS: Duration = Duration::from_mins(1);

/// One peer's PostgreSQL.
pub(crate) struct Postgres {
    me: Peer,
    address: Ipv4Addr,
    port: u16,
    cluster: Cluster,
    restorer: Restorer,
    status: Status,
    messages: UnboundedSender<Message>,
    running: Option<Server>,
    /// It runs as a primary.
    primary: bool,
    /// The sync that has to catch up before the primary takes writes.
    awaited: Option<Peer>,
    /// Waits for that.
    waiter: Option<AbortHandle>,
}

/// PostgreSQL is not as it should be.
#[derive(Debug, Error)]
pub(crate) enum PostgresError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot restore the database")]
    Restore(#[from] RestoreError),
    #[error("cannot write {}", path.display())]
    Version { path: PathBuf, source: std::io::Error },
    #[error("peer {id} has no PostgreSQL that could be found: {url:?}")]
    Upstream { id: String, url: String },
}

impl Postgres {
    pub(crate) fn new(
        me: Peer,
        address: Ipv4Addr,
        port: u16,
        restorer: Restorer,
        status: Status,
        messages: UnboundedSender<Message>,
    ) -> Self {
        let cluster = restorer.cluster.clone();
        Self {
            me,
            address,
            port,
            cluster,
            restorer,
            status,
            messages,
            running: None,
            primary: false,
            awaited: None,
            waiter: None,
        }
    }

    /// Makes PostgreSQL as the role wants it. A primary that is read-only becomes writable later, by itself.
    pub(crate) async fn apply(&mut self, config: &PostgresConfig) -> Result<(), PostgresError> {
        match config {
            PostgresConfig::Stopped => {
                self.stop().await;
                Ok(())
            }
            PostgresConfig::Primary { sync } => self.primary(sync.as_ref()).await,
            PostgresConfig::Standby { upstream, primary, .. } => {
                self.standby(upstream, primary).await
            }
        }
    }

    /// Stops PostgreSQL if it runs.
    pub(crate) async fn stop(&mut self) {
        self.primary = false;
        self.await_nobody();
        if let Some(server) = &mut self.running {
            server.stop().await;
        }
        self.running = None;
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint { server: SocketAddrV4::new(self.address, self.port), source: self.address }
    }

    fn configure(&self, replication: Replication) -> Result<(), PostgresError> {
        let settings = Settings { address: self.address, port: self.port, replication };
        Ok(self.cluster.configure(&settings)?)
    }

    async fn primary(&mut self, sync: Option<&Peer>) -> Result<(), PostgresError> {
        if let (true, Some(server), Some(sync)) = (self.primary, &self.running, sync) {
            // Only its sync is another.
            tracing::info!(sync = sync.id, "replacing the sync");
            let synchronous = Some(sync.pg_url.clone());
            self.configure(Replication::Primary { read_only: true, synchronous })?;
            server.reload();
            self.await_sync(sync);
            return Ok(());
        }
        self.stop().await;
        if self.cluster.is_empty() {
            self.cluster.init().await?;
        }
        self.configure(Replication::Primary { read_only: sync.is_some(), synchronous: None })?;
        self.start().await?;
        self.primary = true;
        if let Some(sync) = sync {
            self.await_sync(sync);
        }
        Ok(())
    }

    async fn standby(&mut self, upstream: &Peer, primary: &Peer) -> Result<(), PostgresError> {
        self.stop().await;
        if self.cluster.is_empty() {
            self.restorer.restore(primary, &self.status).await?;
            return self.start_standby(upstream).await;
        }
        match self.start_standby(upstream).await {
            Err(PostgresError::Start(error)) => {
                tracing::warn!(%error, "the standby does not start: restoring it");
                self.stop().await;
                self.cluster.kill_left_over().await?;
                self.restorer.restore(primary, &self.status).await?;
                self.start_standby(upstream).await
            }
            started => started,
        }
    }

    async fn start_standby(&mut self, upstream: &Peer) -> Result<(), PostgresError> {
        let nowhere =
            || PostgresError::Upstream { id: upstream.id.clone(), url: upstream.pg_url.clone() };
        let address = upstream.postgres().ok_or_else(nowhere)?;
        let application_name = self.me.pg_url.clone();
        self.configure(Replication::Standby { upstream: address, application_name })?;
        self.start().await
    }

    /// Starts the server and waits until it answers. From then on its end is the sitter's.
    async fn start(&mut self) -> Result<(), PostgresError> {
        self.cluster.kill_left_over().await?;
        let endpoint = self.endpoint();
        let data = self.cluster.data().to_owned();
        let server = self.running.insert(self.cluster.start()?);
        server.ready(endpoint, &data, START).await?;
        let (death, messages) = (server.death(), self.messages.clone());
        tokio::spawn(async move {
            if let Some(status) = death.await {
                messages.send(Message::PostgresDied(status)).unwrap_or_default();
            }
        });
        self.note_version().await
    }

    /// Notes the version that made the database, and the one that runs it, as production does.
    async fn note_version(&self) -> Result<(), PostgresError> {
        let path = self.cluster.data().parent().map(|parent| parent.join("manatee-config.json"));
        let version = self.endpoint().value("SHOW server_version").await.ok().flatten();
        let (Some(path), Some(version)) = (path, version) else { return Ok(()) };
        if path.exists() {
            return Ok(());
        }
        let version = version.split_whitespace().next().unwrap_or_default();
        let text = json!({"initialized": version, "current": version}).to_string();
        fs::write(&path, text).map_err(|source| PostgresError::Version { path, source })
    }

    /// Waits for a sync to have everything, and tells then.
    fn await_sync(&mut self, sync: &Peer) {
        self.await_nobody();
        let (endpoint, messages, name) =
            (self.endpoint(), self.messages.clone(), sync.pg_url.clone());
        let task = tokio::spawn(async move {
            if caught_up(endpoint, &name).await {
                messages.send(Message::CaughtUp(name)).unwrap_or_default();
            }
        });
        self.waiter = Some(task.abort_handle());
        self.awaited = Some(sync.clone());
    }

    fn await_nobody(&mut self) {
        self.awaited = None;
        if let Some(waiter) = self.waiter.take() {
            waiter.abort();
        }
    }

    /// The sync has everything: the primary takes writes from now on, and waits for that sync with each.
    pub(crate) fn caught_up(&mut self, sync: &str) -> Result<(), PostgresError> {
        let Some(sync) = self.awaited.take_if(|awaited| awaited.pg_url == sync) else {
            return Ok(());
        };
        tracing::info!(sync = sync.id, "the sync has caught up: the primary takes writes");
        let synchronous = Some(sync.pg_url);
        self.configure(Replication::Primary { read_only: false, synchronous })?;
        if let Some(server) = &self.running {
            server.reload();
        }
        Ok(())
    }
}

/// Waits until a standby has flushed all that it was sent. `false`: it makes no progress. One that does not come at all is
/// waited for until the cluster state names another: only that ends this then, as in production.
async fn caught_up(endpoint: Endpoint, name: &str) -> bool {
    let name = escape_literal(name);
    let sql = format!(
        "SELECT sent_lsn, flush_lsn, sync_state FROM pg_stat_replication WHERE application_name = {name}"
    );
    let mut last: Option<(Lsn, Instant)> = None;
    loop {
        let row = endpoint.row(&sql).await.ok().flatten().unwrap_or_default();
        if let [Some(sent), Some(flushed), Some(_)] = row.as_slice()
            && let (Some(sent), Some(flushed)) = (Lsn::parse(sent), Lsn::parse(flushed))
        {
            if sent == flushed {
                return true;
            }
            match last {
                Some((before, since)) if before == flushed && since.elapsed() > NO_PROGRESS => {
                    tracing::error!("the sync makes no progress: the primary stays read-only");
                    return false;
                }
                Some((before, _)) if before == flushed => {}
                Some(_) | None => last = Some((flushed, Instant::now())),
            }
        }
        sleep(CATCH_UP).await;
    }
}

/// The error that ends a sitter when its PostgreSQL ends.
#[derive(Debug, Error)]
#[error("PostgreSQL ended by itself: {0}")]
pub(crate) struct Died(pub(crate) ExitStatus);

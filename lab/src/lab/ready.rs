//! Looking into a running lab: primaries of shards, routers that answer.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use moray_client::{Client, ClientOptions, FindOptions, Route};
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout_at};

use super::error::{Cause, LabError};
use crate::directory::LabDirectory;
use crate::layout::Layout;
use crate::postgres::Endpoint;

/// The time between two looks at things that have to become true.
const INTERVAL: Duration = Duration::from_millis(50);

#[derive(Deserialize)]
struct State {
    primary: Peer,
}

#[derive(Deserialize)]
struct Peer {
    ip: Ipv4Addr,
}

/// The address of the primary of a shard now, by the shard's cluster state. It may be down, or not writable yet.
///
/// # Errors
/// ZooKeeper does not answer, or there is no such shard.
pub async fn primary(layout: &Layout, shard: &str) -> Result<SocketAddr, LabError> {
    let found = state(layout, shard).await.map_err(LabError::part("ZooKeeper"))?;
    found.map(SocketAddr::V4).ok_or_else(|| LabError::NoPrimary { shard: shard.to_owned() })
}

async fn state(layout: &Layout, shard: &str) -> Result<Option<SocketAddrV4>, Cause> {
    let client =
        crate::zookeeper::connect(&layout.zookeeper(), layout.options.session_timeout).await?;
    let found = crate::zookeeper::read(&client, &format!("/manatee/{shard}/state")).await?;
    let Some(node) = found else { return Ok(None) };
    let state: State = serde_json::from_slice(&node.data)?;
    Ok(Some(SocketAddrV4::new(state.primary.ip, 5432)))
}

/// Something that has to become true before a deadline.
#[derive(Clone, Copy)]
pub(super) struct Wait<'a> {
    pub(super) directory: &'a LabDirectory,
    pub(super) patience: Duration,
}

impl Wait<'_> {
    /// Asks again and again until there is an answer.
    pub(super) async fn until<T, F: Future<Output = Option<T>>>(
        self,
        what: impl Into<String>,
        ask: impl Fn() -> F,
    ) -> Result<T, LabError> {
        let deadline = Instant::now() + self.patience;
        loop {
            // Asking may take long, too.
            if let Ok(Some(answer)) = timeout_at(deadline, ask()).await {
                return Ok(answer);
            }
            if Instant::now() >= deadline {
                return Err(self.over(what));
            }
            sleep(INTERVAL).await;
        }
    }

    /// Waits for the end of some work.
    pub(super) async fn for_end<T>(
        self,
        what: impl Into<String>,
        work: impl Future<Output = T>,
    ) -> Result<T, LabError> {
        tokio::time::timeout(self.patience, work).await.map_err(|_| self.over(what))
    }

    fn over(self, what: impl Into<String>) -> LabError {
        LabError::Deadline {
            what: what.into(),
            seconds: self.patience.as_secs(),
            logs: self.directory.zones().join("*/log"),
        }
    }

    /// Waits until a shard has a primary that takes writes.
    pub(super) async fn writable(
        self,
        layout: &Layout,
        shard: &str,
    ) -> Result<SocketAddr, LabError> {
        let what = format!("a writable primary of shard {shard}");
        self.until(what, || async {
            let server = state(layout, shard).await.ok()??;
            let endpoint = Endpoint { server, source: *server.ip() };
            let read_only = endpoint.value("SHOW default_transaction_read_only").await.ok()??;
            (read_only == "off").then_some(SocketAddr::V4(server))
        })
        .await
    }

    /// Waits until a router passes requests on to every shard.
    pub(super) async fn routes(self, router: SocketAddr) -> Result<(), LabError> {
        let client = moray_client::Client::new(router.to_string(), ClientOptions::default());
        let what = format!("an answer of every shard through the router at {router}");
        self.until(what, || async { all_shards(&client).await.ok() }).await
    }
}

/// Asks a router for something of every shard.
async fn all_shards(client: &Client) -> Result<(), moray_client::Error> {
    for token in client.tokens().await? {
        let route = Some(Route::Token(token));
        let options =
            FindOptions { route, limit: Some(1), no_count: true, ..FindOptions::default() };
        client.find_objects("manta", "(name=none)", &options).await?.all().await?;
    }
    Ok(())
}

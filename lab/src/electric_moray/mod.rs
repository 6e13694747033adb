//! The router: finds the shard of a key by the ring, and passes requests on.

mod error;
mod handler;
pub(crate) mod haproxy;
pub(crate) mod key;
mod routing;
mod shards;
mod status;

use std::net::Ipv4Addr;
use std::sync::Arc;

use fash::RingEditor;
use moray_client::Server;
use serde::Deserialize;
use tokio::net::TcpListener;

use crate::context::{ServiceContext, ServiceError, terminated};
use crate::layout::Layout;
use crate::monitor;
use crate::moray::config::{self, ZooKeeperConfig};
use crate::rings::Serving;

/// The file that says to the registrar that the zone may be entered in the name service.
pub(crate) const READY: &str = "/var/tmp/electric-moray-ready";

/// The distance from the port of an instance to that of its status server, which is higher.
const STATUS_PORTS: u16 = 2000;

/// `/opt/smartdc/electric-moray/etc/config.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    ring_cfg: RingConfig,
    zookeeper: ZooKeeperConfig,
    /// The zone's address.
    ip: Ipv4Addr,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RingConfig {
    /// A shard that is not here takes no writes.
    index_shards: Vec<routing::IndexShard>,
}

/// The service `electric-moray`, one instance of it: reads its ring once, holds the ring directory's lock, and routes until
/// it is told to stop.
pub(crate) async fn run(context: ServiceContext) -> Result<(), ServiceError> {
    let port = context
        .instance
        .as_deref()
        .and_then(port_of)
        .ok_or("which instance this is has to be told: --instance electric-moray-PORT")?;
    let root = |path: &str| context.directory().in_zone(context.zone, path);
    let start_time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    let config: Config = config::read(&root("/opt/smartdc/electric-moray/etc/config.json")).await?;
    let ready = root(READY);
    match tokio::fs::remove_file(&ready).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }

    // electric-moray reads the ring at every request, but as it holds the lock nobody can change it: to read it once is
    // the same.
    let locked = RingEditor::open(root(&format!("/electric-moray/chash/leveldb-{port}")))?;
    let ring = locked.reader().load()?;
    let journals = context.directory().rings();
    tokio::fs::create_dir_all(&journals).await?;
    // Before anything is served, for the proof of what became of writes.
    let serving = Serving::begin(&journals, context.zone, port, &ring).map_err(|error| {
        format!("cannot write down in {} which ring is served: {error}", journals.display())
    })?;
    let router = Arc::new(routing::Router::new(ring, config.ring_cfg.index_shards));
    let shards = shards::Shards::follow(config.zookeeper, router.pnodes())?;
    if let Some(directory) = ready.parent() {
        tokio::fs::create_dir_all(directory).await?;
    }
    tokio::fs::write(&ready, "").await?;

    let handler = handler::Forwarder { router: Arc::clone(&router), shards: Arc::new(shards) };
    let layout: Layout = config::read(&context.directory().layout()).await?;
    let server = Server::start((config.ip, layout.router_port(port)), handler).await?;
    tracing::info!(address = %server.address(), ring = %locked.reader().path().display(), "routing");
    let listener = TcpListener::bind((config.ip, port + STATUS_PORTS)).await?;
    let status = serde_json::to_string(&status::Status {
        smf_fmri: format!("svc:/smartdc/application/electric-moray:electric-moray-{port}"),
        pid: std::process::id(),
        start_time,
        client_list: router.pnodes(),
        index_shards: router.index_shards(),
    })?;
    let result = tokio::select! {
        error = monitor::serve(listener, "/status", move || status.clone()) => Err(error.into()),
        result = terminated() => Ok(result?),
    };
    // Nothing is passed on after that.
    drop(server);
    serving.end()?;
    drop(locked);
    result
}

/// The port that is the last part of an instance's name.
fn port_of(instance: &str) -> Option<u16> {
    instance.rsplit('-').next()?.parse().ok().filter(|port| *port < u16::MAX - STATUS_PORTS)
}

//! Moray: a shard's key-value store over PostgreSQL, and the schema of its buckets.
//!
//! It has the methods that Manta, and tools that look after it, use. It has no `delBucket`, `updateBucket` and `reindexObjects`, no
//! cache of objects, and of triggers only `recordDeleteLog`. How it finds its primary, goes over to another and lets requests wait is
//! as in the real one: [`following`], [`pool`].

pub(crate) mod arguments;
mod attempts;
pub(crate) mod bucket;
mod codel;
pub(crate) mod config;
mod error;
pub(crate) mod etag;
mod filter;
mod following;
mod handler;
mod journal;
mod kang;
mod keeper;
mod many;
mod objects;
mod pool;
mod primary;
pub(crate) mod schema;
mod session;
mod slots;
mod transaction;
mod values;
mod waiting;
mod writable;
mod writes;

use std::sync::Arc;

use moray_client::Server;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::context::{ServiceContext, ServiceError, terminated};
use crate::layout::ZoneSpec;
use crate::monitor;

/// The port of Moray.
pub(crate) const PORT: u16 = 2020;
/// The port at which it tells which requests it is at.
pub(crate) const KANG_PORT: u16 = PORT + 1000;

/// The service `moray`: listens as soon as the shard has a primary that takes writes, and until it is told to stop.
pub(crate) async fn run(context: ServiceContext) -> Result<(), ServiceError> {
    let directory = context.directory();
    let path = directory.in_zone(context.zone, "/opt/smartdc/moray/etc/config.json");
    let config::Config { manatee: config::Database { manatee: cluster, pg }, service_name } =
        config::read(&path).await?;
    let ZoneSpec { address, .. } = config::read(&directory.zone_spec(context.zone)).await?;
    let (zookeeper, path) = (cluster.zookeeper(), cluster.path);
    let journal = journal::Journal::new(&directory.databases(), context.zone, &service_name, &path);
    let (sender, primary) = watch::channel(None);
    let connector = session::Connector { source: address };
    let requests = Arc::new(kang::Requests::default());
    let listener = TcpListener::bind((address, KANG_PORT)).await?;
    let (told, zone) = (Arc::clone(&requests), context.zone);
    let monitor = monitor::serve(listener, kang::SNAPSHOT, move || told.snapshot(zone));
    let serve = async {
        writable::writable(&connector, &primary).await;
        let pool = pool::Pool::start(connector.clone(), pg, primary.clone());
        let server = Server::start((address, PORT), handler::Moray::new(pool, requests)).await?;
        tracing::info!(address = %server.address(), path, "Moray listens");
        std::future::pending::<()>().await;
        drop(server);
        Ok::<(), ServiceError>(())
    };
    tokio::select! {
        result = serve => result,
        nobody = following::follow(&zookeeper, &path, &journal, &sender) => Err(nobody.into()),
        error = monitor => Err(error.into()),
        result = terminated() => Ok(result?),
    }
}

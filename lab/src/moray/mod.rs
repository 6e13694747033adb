//! Moray: a shard's key-value store over PostgreSQL, and the schema of its buckets.
//!
//! It has the methods that Manta, and tools that look after it, use. It has no `delBucket`, `updateBucket`, `deleteMany`,
//! `updateObjects` and `reindexObjects`, no cache of objects, and of triggers only `recordDeleteLog`.

pub(crate) mod arguments;
pub(crate) mod bucket;
pub(crate) mod config;
mod error;
pub(crate) mod etag;
mod filter;
mod handler;
mod kang;
mod objects;
mod pool;
mod primary;
mod queue;
pub(crate) mod schema;
mod values;
mod writes;

use std::sync::Arc;

use moray_client::Server;
use tokio::net::TcpListener;

use crate::context::{ServiceContext, ServiceError, terminated};
use crate::monitor;

/// The port of Moray.
pub(crate) const PORT: u16 = 2020;
/// The port at which it tells which requests it is at.
pub(crate) const KANG_PORT: u16 = PORT + 1000;

/// The service `moray`: listens as soon as the shard has a primary that takes writes, and until it is told to stop.
pub(crate) async fn run(context: ServiceContext) -> Result<(), ServiceError> {
    let path = context.directory().in_zone(context.zone, "/opt/smartdc/moray/etc/config.json");
    let config: config::Config = config::read(&path).await?;
    let primary = primary::follow(config.zookeeper, &config.shard);
    let pool = pool::Pool::new(primary, config.ip);
    let requests = Arc::new(kang::Requests::default());
    let listener = TcpListener::bind((config.ip, KANG_PORT)).await?;
    let (told, zone) = (Arc::clone(&requests), context.zone);
    let monitor = monitor::serve(listener, kang::SNAPSHOT, move || told.snapshot(zone));
    let serve = async {
        pool.writable().await;
        let handler = handler::Moray::new(pool.clone(), requests);
        let server = Server::start((config.ip, PORT), handler).await?;
        tracing::info!(address = %server.address(), shard = config.shard, "Moray listens");
        std::future::pending::<()>().await;
        drop(server);
        Ok::<(), ServiceError>(())
    };
    tokio::select! {
        result = serve => result,
        error = monitor => Err(error.into()),
        result = terminated() => Ok(result?),
    }
}

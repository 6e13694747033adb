//! The router: finds the shard of a key by the ring, and passes requests on.

pub(crate) mod haproxy;

use crate::service::{ServiceContext, Stopped};

pub(crate) async fn run(_context: ServiceContext) -> Result<(), Stopped> {
    Ok(())
}

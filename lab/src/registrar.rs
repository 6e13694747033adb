//! Registers a zone's services in ZooKeeper, as DNS has them in production.

use crate::service::{ServiceContext, Stopped};

pub(crate) async fn run(_context: ServiceContext) -> Result<(), Stopped> {
    Ok(())
}

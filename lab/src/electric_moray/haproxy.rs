//! haproxy's part.

use crate::service::{ServiceContext, Stopped};

pub(crate) async fn run(_context: ServiceContext) -> Result<(), Stopped> {
    Ok(())
}

//! The status of electric-moray processes, over HTTP.

use async_trait::async_trait;

use super::monitor::{MonitorError, get_json};
use crate::region::ports::Routers;
use crate::region::router_status::RouterStatus;
use crate::region::transport::AnyTransport;

/// The largest answer that is read. A real one has a line for each shard.
const MAX_BYTES: usize = 1 << 20;

/// The processes themselves.
#[derive(Clone)]
pub struct HttpRouters {
    http: AnyTransport,
}

impl HttpRouters {
    /// Asks over this carrier of HTTP.
    pub fn new(http: AnyTransport) -> Self {
        Self { http }
    }
}

#[async_trait]
impl Routers for HttpRouters {
    async fn status(&self, ip: &str, port: u16) -> Result<RouterStatus, MonitorError> {
        get_json(&self.http, &format!("http://{ip}:{port}/status"), MAX_BYTES).await
    }
}

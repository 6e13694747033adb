//! The zones that a plan creates.

use sapi_client::{ImageUuid, ServerUuid};
use serde::{Deserialize, Serialize};

/// A zone that is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewZone {
    /// Its purpose within the plan, such as `postgres/3/0`: [`Plan::instance_uuid`](super::Plan::instance_uuid) makes its UUID
    /// of it.
    pub role: String,
    /// The server that it is put on.
    pub server: ServerUuid,
    /// The server's datacenter.
    pub datacenter: String,
    /// The image that it is made from.
    pub image: ImageUuid,
}

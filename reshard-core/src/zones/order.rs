//! Asking for a zone.

use sapi_client::sapi::{NewInstance, request};
use sapi_client::{Attributes, ImageUuid, InstanceUuid, JobUuid, ServerUuid, ServiceUuid};
use serde_json::json;

use super::ZoneError;
use crate::deployment::Deployment;
use crate::plan::PlanUuid;

/// The tag of everything that a plan makes; its value is the plan's UUID.
pub const PLAN_TAG: &str = "manta_reshard_plan";

/// A zone to be made.
#[derive(Clone, Debug)]
pub struct ZoneOrder {
    /// Its UUID; the same whenever it is asked for.
    pub uuid: InstanceUuid,
    /// The service that it is an instance of.
    pub service: ServiceUuid,
    /// The service's name, such as `postgres`: the zone's tag `manta_role`.
    pub role: &'static str,
    /// Its alias.
    pub alias: String,
    /// The datacenter that it is in.
    pub datacenter: String,
    /// The server that it is put on.
    pub server: ServerUuid,
    /// The image that it is made from.
    pub image: ImageUuid,
    /// Its metadata, with secrets.
    pub metadata: Attributes,
    /// The plan that it is made for.
    pub plan: PlanUuid,
}

impl ZoneOrder {
    fn instance(&self) -> NewInstance {
        let params = Attributes::new()
            .with("alias", self.alias.clone())
            .with("server_uuid", self.server.to_string())
            .with("image_uuid", self.image.to_string())
            .with("tags", json!({"manta_role": self.role, PLAN_TAG: self.plan.to_string()}));
        NewInstance {
            uuid: self.uuid,
            service_uuid: self.service,
            params: Some(params),
            metadata: Some(self.metadata.clone()),
            manifests: None,
            master: Some(true),
            wait: false,
        }
    }
}

/// Asks for a zone, and does not wait for it. Where SAPI or VMAPI have it already, SAPI takes that for it: so this also
/// completes what a lost answer left half done, and only [`super::look`] tells how the zone is.
///
/// # Errors
///
/// [`ZoneError`]. A refusal makes SAPI forget the instance.
pub async fn order(
    deployment: &Deployment,
    order: &ZoneOrder,
) -> Result<Option<JobUuid>, ZoneError> {
    let zone = order.uuid;
    let datacenter = deployment.datacenter(&order.datacenter);
    let datacenter = datacenter.map_err(|source| ZoneError::Datacenter { zone, source })?;
    let call = request::create_instance(&order.instance());
    let made = datacenter.sapi.client().run(&call).await;
    let made = made.map_err(|source| ZoneError::Call { doing: "make", zone, source })?;
    tracing::info!(%zone, alias = order.alias, "zone asked for");
    Ok(made.job_uuid)
}

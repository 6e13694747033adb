//! The deployment: SAPI's objects of Manta, and where VMAPI says that the zones are.

use serde_json::Value;
use uuid::Uuid;

use super::super::control::Api;
use super::super::session::Failure;
use crate::layout::Layout;

/// A zone of Manta's.
#[derive(Clone, Debug, Default)]
pub(super) struct Instance {
    pub(super) uuid: Uuid,
    pub(super) service: String,
    /// Of `postgres` and `moray` only.
    pub(super) shard: Option<String>,
    pub(super) server: Uuid,
    pub(super) image: Uuid,
    pub(super) alias: String,
    pub(super) address: Option<String>,
    pub(super) metadata: Value,
}

/// Manta, as SAPI has it.
pub(super) struct Deployment {
    pub(super) sapi: Api,
    /// The application's metadata.
    pub(super) application: Value,
    /// UUIDs and names of the services.
    pub(super) services: Vec<(String, String)>,
    pub(super) instances: Vec<Instance>,
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl Deployment {
    /// Asks SAPI and VMAPI.
    pub(super) async fn load(layout: &Layout) -> Result<Self, Failure> {
        let (sapi, vmapi) = (Api::at(layout.block.sapi()), Api::at(layout.block.vmapi()));
        let applications: Vec<Value> =
            sapi.get("/applications?name=manta&include_master=true").await?;
        let [application] = applications.as_slice() else {
            let number = applications.len();
            return Err(Failure::new(format!(
                "SAPI has {number} applications \"manta\" instead of one"
            )));
        };
        let uuid = text(application, "uuid");
        let path = format!("/services?application_uuid={uuid}&include_master=true");
        let services: Vec<Value> = sapi.get(&path).await?;
        let services: Vec<(String, String)> =
            services.iter().map(|service| (text(service, "uuid"), text(service, "name"))).collect();
        let instances: Vec<Value> = sapi.get("/instances?include_master=true").await?;
        let path = format!("/vms?state=active&owner_uuid={}", layout.poseidon);
        let vms: Vec<Value> = vmapi.get(&path).await?;
        let mut found: Vec<Instance> = instances
            .iter()
            .filter_map(|instance| {
                let id = text(instance, "service_uuid");
                let (_, service) = services.iter().find(|(uuid, _)| *uuid == id)?;
                let id = text(instance, "uuid");
                let vm = vms.iter().find(|vm| text(vm, "uuid") == id)?;
                one(instance, service, vm)
            })
            .collect();
        found.sort_by_key(|one| (one.service.clone(), one.shard.clone(), one.uuid));
        let application = application.get("metadata").cloned().unwrap_or_default();
        Ok(Self { sapi, application, services, instances: found })
    }
}

/// SAPI's own image and server of an instance may be those it began with.
fn one(instance: &Value, service: &str, vm: &Value) -> Option<Instance> {
    let metadata = instance.get("metadata").cloned().unwrap_or_default();
    let has_shards = matches!(service, "postgres" | "moray");
    let shard = metadata.get("SHARD").map(|shard| shard.to_string().trim_matches('"').to_owned());
    let nics = vm.get("nics").and_then(Value::as_array);
    let primary = nics.and_then(|nics| {
        let primary = nics.iter().find(|nic| nic.get("primary") == Some(&Value::Bool(true)));
        primary.or_else(|| nics.first())
    });
    Some(Instance {
        uuid: text(instance, "uuid").parse().ok()?,
        service: service.to_owned(),
        shard: shard.filter(|_| has_shards),
        server: text(vm, "server_uuid").parse().ok()?,
        image: text(vm, "image_uuid").parse().ok()?,
        alias: text(vm, "alias"),
        address: primary.map(|nic| text(nic, "ip")),
        metadata,
    })
}
